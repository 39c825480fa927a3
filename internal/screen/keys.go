package screen

import (
	"strings"
	"unicode"

	tea "charm.land/bubbletea/v2"
)

// keyHelp lists the keys of a call.
var keyHelp = [][2]string{
	{"m", "mute, or be heard again"},
	{"Space", ""}, // talkHelp
	{"d", "deafen: hear nobody, or everybody again"},
	{"Up, Down", "choose somebody"},
	{"Left, Right", "make them quieter or louder for you"},
	{"x", "mute them for you"},
	{"i", "choose microphone and loudspeaker"},
	{"r", "go to another room"},
	{"R", "record the call, or end that; everyone is told"},
	{"?", "these keys, and who lost what so far, when and where"},
	{":", "code NAME: what to compare, accept NAME: its key; kick, ban or mute NAME for all, with a token that has the right"},
	{"q", "leave"},
	{"Ctrl-C", "leave and end the program"},
}

func (m *Model) talkHelp() string {
	if m.holds {
		return "while muted: talk as long as it is held"
	}
	return "talk, and again to be muted (this terminal does not tell when a key is let go)"
}

// stroke names a key by what it types, or, where its layout has no ASCII there, such as a Cyrillic, Greek or Hebrew
// one, by what a US keyboard has in its place, if the terminal tells that.
func stroke(key tea.KeyPressMsg) string {
	ascii := func(r rune) bool { return r >= ' ' && r <= unicode.MaxASCII }
	switch {
	case ascii(key.Code):
		key.BaseCode = 0 // of Dvorak or AZERTY: c is where i is elsewhere
	case key.Text != "" && key.BaseCode != 0 && !ascii([]rune(key.Text)[0]):
		key.Text, key.Mod = "", key.Mod&^tea.ModShift
	}
	return key.String()
}

// talkKey takes a key in a call.
func (m *Model) talkKey(key tea.KeyPressMsg) tea.Cmd {
	t := m.talk
	switch {
	case t.then != nil:
		return nil
	case t.prompt != nil:
		return m.promptKey(key)
	case t.picker != nil:
		return m.pickerKey(key)
	case t.help:
		m.helpKey(strings.ToLower(stroke(key)))
		return nil
	}
	if stroke(key) == "R" || stroke(key) == "shift+r" {
		return m.record()
	}
	switch strings.ToLower(stroke(key)) {
	case "m":
		m.mute(!t.muted || t.held)
	case "space":
		m.speak()
	case "d":
		t.deaf = !t.deaf
		t.call.Deafen(t.deaf)
	case "up", "k":
		t.choose(-1)
	case "down", "j":
		t.choose(1)
	case "pgup":
		t.choose(-10)
	case "pgdown":
		t.choose(10)
	case "left", "h", "-":
		t.volume(-step)
	case "right", "l", "+":
		t.volume(step)
	case "x":
		t.silence()
	case "?", "f1":
		t.help, t.from = true, 0
	case "i":
		return m.pick()
	case "r":
		t.prompt = &prompt{ask: "Room (empty: the relay's default room): ", done: m.goTo}
	case ":":
		t.prompt = &prompt{ask: ":", done: m.command}
	case "q":
		return m.leave(func() tea.Cmd {
			if m.cfg.Begin {
				return tea.Quit
			}
			return nil
		})
	}
	return nil
}

func (m *Model) promptKey(key tea.KeyPressMsg) tea.Cmd {
	p := m.talk.prompt
	switch stroke(key) {
	case "esc":
		m.talk.prompt = nil
	case "enter":
		m.talk.prompt = nil
		return p.done(strings.TrimSpace(p.text))
	default:
		p.key(key)
	}
	return nil
}

// goTo leaves for another room of the same relay.
func (m *Model) goTo(room string) tea.Cmd {
	f := m.talk.form
	if f.Room == room {
		return nil
	}
	f.Room = room
	return m.leave(func() tea.Cmd { return m.join(f) })
}

func (m *Model) command(text string) tea.Cmd {
	if text != "" {
		switch said, err := m.cfg.Command(m.talk.call, text); {
		case err != nil:
			m.talk.say(err.Error(), true)
		case said != "":
			m.talk.say(said, false)
		}
	}
	return nil
}

// pick begins to choose devices.
func (m *Model) pick() tea.Cmd {
	m.talk.picker = &picker{}
	return func() tea.Msg {
		devices, err := m.cfg.Devices()
		return devicesMsg{devices, err}
	}
}

// choice is a device that can be chosen.
type choice struct {
	name string
	in   bool
}

// choices are all devices: the inputs, then the outputs, the default of each first.
func (p *picker) choices() []choice {
	all := make([]choice, 0, 2+len(p.devices.Inputs)+len(p.devices.Outputs))
	for _, name := range append([]string{""}, p.devices.Inputs...) {
		all = append(all, choice{name, true})
	}
	for _, name := range append([]string{""}, p.devices.Outputs...) {
		all = append(all, choice{name, false})
	}
	return all
}

func (m *Model) pickerKey(key tea.KeyPressMsg) tea.Cmd {
	p := m.talk.picker
	all := p.choices()
	switch stroke(key) {
	case "esc", "q", "i":
		m.talk.picker = nil
	case "up", "k":
		p.at = (p.at + len(all) - 1) % len(all)
	case "down", "j", "tab":
		p.at = (p.at + 1) % len(all)
	case "enter", "space":
		if !p.loaded {
			return nil
		}
		in, out := p.devices.In, p.devices.Out
		if c := all[p.at]; c.in {
			in = c.name
		} else {
			out = c.name
		}
		m.talk.picker = nil
		return func() tea.Msg { return usedMsg{in, out, m.cfg.Use(in, out)} }
	}
	return nil
}

func orDefault(device string) string {
	if device == "" {
		return "the system's default"
	}
	return device
}
