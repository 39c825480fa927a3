package screen

import (
	"fmt"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/engine"
)

// The call, from top to bottom: the title; who we are, and our level; who else is here; faults; what happened; the
// link; the keys. What a low screen has no room for goes in this order: lines of what happened, people.
const (
	leastLines = 3
	wide       = 120 // cells, from which on there are figures of each person
)

func (m *Model) talkView() (lines []string, cursor *tea.Cursor) {
	t := m.talk
	above := append([]string{m.title("tincan: "+clean(orDefaultRoom(t.form.Room)), t.recordMark()+t.clock())}, m.self()...)
	faults := m.faults()
	below := []string{m.link()}
	switch {
	case t.then != nil:
		below = append(below, bar.Render(fit(" leaving ...", m.width)))
	case t.prompt != nil:
		ask := " " + t.prompt.ask
		if m.width < 64 { // what is typed needs room too
			ask = ansi.Truncate(ask, m.width/2, ".. ")
		}
		text := t.prompt.shown(m.width-len(ask)-1, true)
		below = append(below, bar.Render(fit(ask+text, m.width)))
		cursor = tea.NewCursor(min(len(ask)+lipgloss.Width(text), m.width-1), m.height-1)
	default:
		below = append(below, bar.Render(fit(" "+m.keys(), m.width)))
	}
	room := m.height - len(above) - len(faults) - len(below)
	people := m.people(max(room-leastLines, 1))
	lines = append(append(above, people...), faults...)
	lines = append(lines, m.happened(room-len(people))...)
	if surplus := len(lines) + len(below) - m.height; surplus > 0 {
		lines = lines[:max(len(lines)-surplus, 0)]
	}
	return append(lines, below...), cursor
}

// clock is the time of day, and for how long the call has gone on.
func (t *talk) clock() string {
	if t.at.IsZero() {
		return ""
	}
	d := t.stats.Time.Truncate(time.Second)
	return fmt.Sprintf("%s   %d:%02d:%02d", t.at.Format("15:04"), int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60)
}

// silencing are those for which nobody hears us.
var silencing = map[engine.FaultKind]bool{
	engine.FaultNoUDP: true, engine.FaultUDPStopped: true, engine.FaultNotHeard: true, engine.FaultSendingStopped: true,
	engine.FaultNobodyListens: true, engine.FaultInputFailed: true, engine.FaultInputStuck: true, engine.FaultInputSilent: true,
	engine.FaultUnknown: true, engine.FaultNoKeys: true,
}

// state says whether we are heard.
func (m *Model) state() (text string, style lipgloss.Style) {
	t := m.talk
	talk := "Space"
	if m.holds {
		talk = "hold Space"
	}
	isOn := func(kind engine.FaultKind) bool {
		return slices.ContainsFunc(t.stats.Faults, func(f engine.FaultStats) bool { return f.On && f.Kind == kind })
	}
	fault := t.stats.Reconnecting != "" && !t.voice || slices.ContainsFunc(t.stats.Faults, func(f engine.FaultStats) bool { return f.On && silencing[f.Kind] })
	loss := t.stats.Sending.Adapt.Loss
	switch {
	case t.at.IsZero():
		return "", bold
	case !t.call.Speaks() || t.ended:
		text, style = "LISTENING ONLY: there is no microphone", bold
		if t.deaf {
			text, style = "DEAF: you hear nobody   (d: hear again)", alarm
		}
		return text, style
	case t.held:
		return "YOU TALK, as long as you hold Space", bar.Bold(true)
	case t.muted && t.deaf:
		return "MUTED AND DEAF: nobody hears you, you hear nobody   (m, d: undo)", alarm
	case t.muted:
		return "MUTED: nobody hears you   (" + talk + " to talk, m: unmute)", alarm
	case t.deaf:
		return "DEAF: you hear nobody, they hear you   (d: hear again)", alarm
	case isOn(engine.FaultSilenced):
		return "OTHERS HAVE MUTED YOU: nobody hears you", alarm
	case fault:
		return "NOBODY HEARS YOU: see below", alarm
	case len(t.people) == 0:
		return "YOUR MICROPHONE IS ON", bold
	case !slices.ContainsFunc(t.people, func(p person) bool { return !p.Foreign }):
		return "NOBODY HEARS YOU: another passphrase", alarm
	case loss >= noticed && t.stats.Sending.Voice > 0:
		return fmt.Sprintf("YOU ARE HEARD; the way loses %.0f %%, before repair", 100*loss), bold
	}
	return "YOU ARE HEARD", bold
}

// self says large whether we are heard, and how loud we are.
func (m *Model) self() []string {
	t := m.talk
	text, style := m.state()
	band := func(text string) string { return style.Render(fit(text, m.width)) }
	lines := []string{band(""), band("   " + clean(t.form.Name) + ": " + text), band("")}
	if m.height < 16 {
		lines = lines[1:2]
	}
	level, said := t.stats.Level, "quiet"
	switch {
	case t.muted || !t.call.Speaks() || t.at.IsZero():
		level, said = codec.Silent, ""
	case level < codec.Silent:
		said = fmt.Sprintf("%d dB", -int(level))
	}
	return append(lines, "   "+levelStyle(level).Render(meter(level, max(m.width-20, 1)))+" "+fit(said, 8), "")
}

// clips is the level in -dBov above which speech may clip: its peaks are 12 dB and more above it.
const clips = 9

func levelStyle(level uint8) lipgloss.Style {
	switch {
	case level < clips:
		return wary
	case level < codec.Silent:
		return good
	}
	return faint
}

// people are those in the room, in at most so many lines.
func (m *Model) people(most int) []string {
	t := m.talk
	head := fmt.Sprintf("   %d others are here", len(t.people))
	switch {
	case t.at.IsZero():
		head = ""
	case len(t.people) == 0:
		head = "   nobody else is here: wait for the others, or go to the room where they are (r)"
	case len(t.people) == 1:
		head = "   1 other is here"
	}
	most--
	from, to := 0, len(t.people)
	if to > most { // a part, with the chosen one in sight
		from = min(max(t.index()-most/2, 0), to-most)
		to = from + most
		head += fmt.Sprintf(", %d to %d:", from+1, to)
	}
	lines := []string{faint.Render(fit(head, m.width))}
	for i := from; i < to; i++ {
		lines = append(lines, m.person(&t.people[i]))
	}
	return append(lines, "")
}

// person is the line of one: name, meter, verdict, and on a wide screen figures.
func (m *Model) person(p *person) string {
	mark, name, bar := "   ", 20, 10
	switch {
	case m.width >= wide:
		name, bar = 40, 20
	case m.width < 64:
		name, bar = max(m.width/3, 6), 6
	}
	if p.Session == m.talk.chosen {
		mark = " > "
	}
	level, nameStyle := uint8(codec.Silent), lipgloss.NewStyle()
	if p.Talking {
		level, nameStyle = p.Level, bold
	}
	if p.Identity.Doubtful() {
		nameStyle = wary
	}
	text, style := p.verdict, lipgloss.NewStyle()
	switch {
	case p.Volume == 0:
		text, style = "muted for you (x: hear again)", wary
	case text == "" && p.Talking:
		text = "talks"
	case text == "":
		text = "has not spoken"
	case text != "good":
		style = wary
	}
	if p.Recording {
		text, style = "RECORDS  "+text, wary
	}
	if v := int(100*p.Volume + 0.5); v != 100 && v != 0 {
		text = fmt.Sprintf("[%d %%] %s", v, text)
	}
	shown := fit(ansi.Truncate(p.name, max(name-len(p.mark), 2), "..")+p.mark, name)
	left := mark + nameStyle.Render(shown) + " " + levelStyle(level).Render(meter(level, bar)) + "  "
	room := m.width - 3 - name - 1 - bar - 2
	if m.width < wide || p.Frames == 0 {
		return left + style.Render(fit(text, room))
	}
	figures := fmt.Sprintf("%4d ms   lost up %2.0f %%, down %2.0f %%   made up %4.1f %%", p.MouthToEar.Milliseconds(),
		100*p.Ways.Up(), 100*p.Ways.Down(), 100*float64(p.Concealed)/float64(max(p.Frames, 1)))
	return left + style.Render(fit(text, room-len(figures)-1)) + " " + figures
}

// faults are those in force: about ourselves, as those about a talker stand beside the name.
func (m *Model) faults() (lines []string) {
	t := m.talk
	if t.stats.Reconnecting != "" {
		lines = append(lines, m.troubleLines("reconnecting: "+t.stats.Reconnecting, 2)...)
	}
	for _, f := range t.stats.Faults {
		switch {
		case !f.On || aboutTalkers[f.Kind] != "" || f.Kind == engine.FaultAlone: // said where the people are
		default:
			lines = append(lines, m.troubleLines(f.Text, 3)...)
		}
	}
	return lines[:min(len(lines), max(m.height/3, 1))]
}

// happened are the last lines of what happened, in exactly so many lines.
func (m *Model) happened(most int) (lines []string) {
	const indent = 8
	t := m.talk
	for i := len(t.lines) - 1; i >= 0 && len(lines) < most; i-- {
		l, at, style := t.lines[i], "     ", faint
		if !l.at.IsZero() {
			at = l.at.Format("15:04")
		}
		if l.bad {
			style = wary
		}
		texts := wrap(l.text, m.width-indent, most-len(lines)) // the oldest is cut at its end, not at its beginning
		for j := len(texts) - 1; j >= 0; j-- {
			text := strings.Repeat(" ", indent) + texts[j]
			if j == 0 {
				text = " " + at + "  " + texts[j]
			}
			lines = append(lines, style.Render(fit(text, m.width)))
		}
	}
	for len(lines) < most {
		lines = append(lines, "")
	}
	slices.Reverse(lines)
	return lines
}

// link is the way to the relay.
func (m *Model) link() string {
	t := m.talk
	l := &t.stats.Link
	if t.at.IsZero() {
		return ""
	}
	parts := []string{fmt.Sprintf("up %.0f, down %.0f kbit/s", l.UpKbps, l.DownKbps)}
	switch {
	case t.stats.Reconnecting != "":
		parts = append(parts, "reconnecting")
	case l.Path == engine.PathTunnel:
		parts = append(parts, "TCP tunnel")
	case l.Second != "":
		parts = append(parts, "UDP twice: "+l.Second)
	default:
		parts = append(parts, "UDP")
	}
	if l.Alive {
		parts = append(parts, fmt.Sprintf("round trip %d ms", l.RTT.Milliseconds()))
	} else {
		parts = append(parts, "no answer")
	}
	if t.stats.Sealed {
		parts = append(parts, "sealed for members")
	} else {
		parts = append(parts, "the relay can listen")
	}
	if m.width >= wide {
		parts = append(parts, "relay "+l.Relay.String())
	}
	return fit("   "+strings.Join(parts, "  "), m.width)
}

// keys are the most important ones.
func (m *Model) keys() string {
	if m.width < 76 {
		return "m mute  Space talk  ? help  q leave"
	}
	return "m mute  Space talk  d deafen  arrows: person, volume  r room  ? help  q leave"
}
