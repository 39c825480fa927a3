package screen

import (
	"strings"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"
)

// What stands out does so without colours too.
var (
	bar   = lipgloss.NewStyle().Reverse(true)
	bold  = lipgloss.NewStyle().Bold(true)
	faint = lipgloss.NewStyle().Faint(true)
	good  = lipgloss.NewStyle().Foreground(lipgloss.Green)
	wary  = lipgloss.NewStyle().Foreground(lipgloss.Yellow)
	bad   = lipgloss.NewStyle().Bold(true).Foreground(lipgloss.Red)
	alarm = lipgloss.NewStyle().Bold(true).Reverse(true).Foreground(lipgloss.Red)
)

// View implements tea.Model.
func (m *Model) View() tea.View {
	var lines []string
	var cursor *tea.Cursor
	switch {
	case m.talk != nil && m.talk.help:
		lines = m.helpView()
	case m.talk != nil && m.talk.picker != nil:
		lines = m.pickerView()
	case m.talk != nil:
		lines, cursor = m.talkView()
	default:
		lines, cursor = m.formView()
	}
	v := tea.NewView(m.page(lines))
	v.AltScreen, v.ReportFocus, v.Cursor = true, true, cursor
	typing := m.talk == nil || m.talk.prompt != nil
	v.KeyboardEnhancements = tea.KeyboardEnhancements{
		ReportEventTypes: true, ReportAlternateKeys: true,
		ReportAllKeysAsEscapeCodes: !typing, ReportAssociatedText: !typing, // else a letter comes as text, without its place
	}
	return v
}

// page makes exactly one screen of lines.
func (m *Model) page(lines []string) string {
	lines = lines[:min(len(lines), m.height)]
	for i := range lines {
		if ansi.StringWidth(lines[i]) > m.width {
			lines[i] = ansi.Truncate(lines[i], m.width, "")
		}
	}
	page := strings.Join(lines, "\n")
	if m.cfg.ASCII {
		page = plain(page)
	}
	return page
}

// title is the first line.
func (m *Model) title(left, right string) string {
	return bar.Render(apart(" "+left, right+" ", m.width))
}

// troubleLines are an error or a fault in words, in at most so many lines.
func (m *Model) troubleLines(text string, most int) (lines []string) {
	for i, l := range wrap(clean(text), m.width-4, most) {
		mark := "   "
		if i == 0 {
			mark = " ! "
		}
		lines = append(lines, bad.Render(mark+l))
	}
	return lines
}

// The form: where its fields stand.
const (
	labelWidth = 14
	fieldWidth = 50
)

var (
	labels = [fields]string{"Relay", "Your name", "Room", "Passphrase"}
	hints  = [fields]string{
		"host, host:port or tincan://...",
		"1 to 19 characters, which the others see",
		"empty: the relay's default room",
		"if the room has one; else the relay can listen",
	}
)

func (m *Model) formView() (lines []string, cursor *tea.Cursor) {
	f := &m.form
	lines = append(lines, m.title("tincan: group voice for bad networks", m.cfg.Version), "")
	width := max(min(fieldWidth, m.width-labelWidth-3), 1)
	for i := range f.fields {
		text, mark := f.fields[i].shown(width, f.at == i), "  "
		switch {
		case text == "" && f.at != i:
			text = faint.Render(fit(hints[i], width))
		case f.at == i:
			mark = "> "
			if m.joining == nil {
				cursor = tea.NewCursor(labelWidth+2+ansi.StringWidth(text), len(lines))
			}
			if text == "" {
				text = faint.Render(fit(hints[i], width))
			}
		}
		lines = append(lines, mark+bold.Render(fit(labels[i], labelWidth))+text)
	}
	lines = append(lines, "")
	if m.joining != nil {
		lines = append(lines, "  "+bold.Render("Joining "+clean(m.joining.form.Relay)+" ..."), "")
	}
	if m.err != nil {
		lines = append(append(lines, m.troubleLines(m.err.Error(), 6)...), "")
	}
	keys := "Enter joins   Tab, Up, Down: next field   Esc ends"
	if m.joining != nil {
		keys = "Esc gives up"
	}
	room := m.height - len(lines) - 3
	if len(f.recent) > 0 && room > 0 {
		lines = append(lines, faint.Render("  Joined before"))
		for i, r := range f.recent[:min(len(f.recent), room)] {
			mark := "  "
			if f.at == fields+i {
				mark = "> "
			}
			text := fit(clean(r.Relay), 34) + "  " + fit(clean(orDefaultRoom(r.Room)), 18) + "  as " + clean(r.Name)
			if f.at == fields+i {
				text = bold.Render(text)
			}
			lines = append(lines, mark+text)
		}
	}
	return m.footer(lines, keys), cursor
}

// footer puts the keys into the last line.
func (m *Model) footer(lines []string, keys string) []string {
	for len(lines) < m.height-1 {
		lines = append(lines, "")
	}
	return append(lines[:max(m.height-1, 0)], bar.Render(fit(" "+keys, m.width)))
}

func orDefaultRoom(room string) string {
	if room == "" {
		return "default room"
	}
	return "room " + room
}

// helpView is the keys, what the screen means, and the verdict so far, from a line on.
func (m *Model) helpView() []string {
	lines := m.helpLines()
	room := max(m.height-3, 1)
	from := min(m.talk.from, max(len(lines)-room, 0))
	lines = lines[from:]
	keys := "any key goes back"
	switch {
	case len(lines) > room:
		lines, keys = lines[:room], "Down, ?: more, who lost what   any other key goes back"
	case from > 0:
		keys = "Up: more   any other key goes back"
	}
	return m.footer(append([]string{m.title("tincan: keys", ""), ""}, lines...), keys)
}

func (m *Model) helpLines() (lines []string) {
	for _, k := range keyHelp {
		does := k[1]
		if does == "" {
			does = m.talkHelp()
		}
		for i, l := range wrap(does, m.width-labelWidth-4, 3) {
			key := ""
			if i == 0 {
				key = k[0]
			}
			lines = append(lines, "  "+bold.Render(fit(key, labelWidth))+l)
		}
	}
	lines = append(lines, "")
	for _, l := range wrap(meterHelp, m.width-4, 6) {
		lines = append(lines, "  "+l)
	}
	lines = append(lines, "")
	for _, said := range m.talk.call.Verdict() {
		for _, l := range wrap("So far: "+said, m.width-4, 3) {
			lines = append(lines, "  "+wary.Render(l))
		}
	}
	return lines
}

// helpKey goes through the help, or back.
func (m *Model) helpKey(key string) {
	t, room := m.talk, max(m.height-3, 1)
	last := max(len(m.helpLines())-room, 0)
	step, known := map[string]int{"down": 1, "j": 1, "up": -1, "k": -1, "pgdown": room, "?": room, "f1": room, "pgup": -room}[key]
	if t.help = known && last > 0 && !(t.from == last && (key == "?" || key == "f1")); t.help {
		t.from = min(max(t.from+step, 0), last)
	}
}

const meterHelp = `Beside each name: a meter of what they say now, and how they were heard here in their last 10 seconds. ` +
	`"On their way up" is between them and the relay, "on your way down" between it and you. ` +
	`Behind a name: = has the key that is known, + has one for the first time, ! has another one or none: ask who it is.`

func (m *Model) pickerView() []string {
	p := m.talk.picker
	lines := []string{m.title("tincan: sound", ""), ""}
	if !p.loaded {
		return m.footer(append(lines, "  looking for devices ..."), "Esc goes back")
	}
	from := 0 // scrolled so far that the choice is in sight
	if room := max(m.height-8, 0); p.at > room {
		from = p.at - room
	}
	was := ""
	for i, c := range p.choices() {
		head, used := "Loudspeaker", p.devices.Out == c.name
		if c.in {
			head, used = "Microphone", p.devices.In == c.name
		}
		if i < from {
			continue
		}
		if head != was {
			lines = append(lines, "  "+bold.Render(head))
			was = head
		}
		mark, note := "    ", ""
		if i == p.at {
			mark = "  > "
		}
		if used {
			note = "   in use"
		}
		lines = append(lines, mark+clean(orDefault(c.name))+note)
	}
	return m.footer(lines, "Up, Down, Enter choose   Esc goes back")
}
