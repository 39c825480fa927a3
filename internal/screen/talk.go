package screen

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/tincan-voice/tincan/engine"
)

// talk is the state of a call on the screen.
type talk struct {
	call  Call
	form  Form
	end   context.CancelFunc // of what the call holds
	stats engine.Stats
	at    time.Time // of stats; zero before the first

	people []person
	chosen uint32             // session that the keys are about; 0: nobody yet
	loud   map[string]float32 // by name, of who was silenced here

	muted, deaf bool
	ended       bool // our input has
	voice       bool // goes on although the control connection is lost
	held        bool // not muted for as long as the key to talk is held

	lines     []line // what happened, the oldest first
	help      bool
	from      int // line of the help at the top
	picker    *picker
	prompt    *prompt
	recording Recording      // nil: nothing is recorded
	starting  bool           // to record
	then      func() tea.Cmd // what follows when the call has been left; nil: it is not being left
}

// person is somebody else in the room.
type person struct {
	engine.PeerStats
	name    string // as it is shown
	look    string // of it; see Looks
	mark    string // behind it: where others look the same, and whether it is the one of before; often ""
	history history
	judged  time.Time
	verdict string
}

// line is something that happened.
type line struct {
	at   time.Time
	text string
	bad  bool
}

// mostLines is how many lines are kept.
const mostLines = 200

// prompt asks for a line of text in a call.
type prompt struct {
	field
	ask  string
	done func(text string) tea.Cmd
}

// picker chooses sound devices.
type picker struct {
	devices Devices
	loaded  bool
	at      int // of choices
}

// heard takes what the Model is told of a call.
func (m *Model) heard(msg tea.Msg) tea.Cmd {
	t := m.talk
	switch msg := msg.(type) {
	case statsMsg:
		if msg.call == t.call {
			t.figures(msg.at, msg.stats)
			return read(t.call)
		}
	case eventsMsg:
		if msg.call != t.call {
			return nil
		}
		for _, e := range msg.events {
			m.cfg.Heard(e)
			t.event(e)
		}
		if msg.open {
			return listen(t.call)
		}
		if t.then == nil { // it has ended by itself
			if m.err = t.call.Err(); m.err == nil && m.ctx.Err() == nil {
				m.err = errors.New("the call has ended")
			}
			return m.leave(func() tea.Cmd { return nil })
		}
	case leftMsg:
		if msg.call == t.call {
			t.end()
			m.cfg.Muted, m.deaf = t.muted || t.held, t.deaf // in the next room too
			m.talk = nil
			return t.then()
		}
	case tea.KeyReleaseMsg:
		if msg.Code == tea.KeySpace {
			m.letGo()
		}
	case tea.BlurMsg: // where a key is let go is not told any more
		m.letGo()
	case devicesMsg:
		switch {
		case t.picker == nil:
		case msg.err != nil:
			t.picker = nil
			t.say(msg.err.Error(), true)
		default:
			t.picker.devices, t.picker.loaded = msg.devices, true
		}
	case usedMsg:
		switch {
		case msg.err != nil:
			t.say(msg.err.Error(), true)
		default:
			t.say("sound: in "+orDefault(msg.in)+", out "+orDefault(msg.out), false)
		}
	}
	return nil
}

// say adds a line. What is said again stands there once.
func (t *talk) say(text string, bad bool) {
	text = clean(text)
	t.lines = slices.DeleteFunc(t.lines, func(l line) bool { return l.text == text })
	t.lines = append(t.lines, line{t.at, text, bad})
	if surplus := len(t.lines) - mostLines; surplus > 0 {
		t.lines = slices.Delete(t.lines, 0, surplus)
	}
}

// figures takes how the call does at a time.
func (t *talk) figures(at time.Time, s engine.Stats) {
	first := t.at.IsZero()
	t.at, t.stats = at, s
	if first {
		for i := range t.lines { // that came before
			t.lines[i].at = at
		}
		t.introduce()
	}
	known := map[uint32]*person{}
	for i := range t.people {
		known[t.people[i].Session] = &t.people[i]
	}
	alike := map[string]int{}
	people := make([]person, 0, len(s.Peers))
	for _, p := range s.Peers {
		var who person
		if was := known[p.Session]; was != nil && was.Name == p.Name {
			who = *was
		} else {
			who.name, who.look = clean(p.Name), Looks(p.Name)
		}
		who.PeerStats, who.mark = p, ""
		alike[who.look]++
		switch {
		case p.Foreign:
			who.verdict = aboutTalkers[engine.FaultPassphrase]
		case at.Sub(who.judged) >= time.Second:
			who.judged, who.verdict = at, who.history.judge(&p)
		}
		people = append(people, who)
	}
	for _, f := range s.Faults {
		for i := range people {
			if text := aboutTalkers[f.Kind]; f.On && text != "" && people[i].Session == f.Session {
				people[i].verdict, people[i].judged = text, time.Time{}
			}
		}
	}
	for i := range people {
		if alike[people[i].look] > 1 {
			people[i].mark = fmt.Sprintf(" (session %d)", people[i].Session)
		}
		people[i].mark += identityMarks[people[i].Identity]
	}
	slices.SortStableFunc(people, func(a, b person) int { return strings.Compare(a.look, b.look) })
	t.people = people
	if t.index() < 0 {
		t.chosen = 0
		if len(people) > 0 {
			t.chosen = people[0].Session
		}
	}
}

// index is where the chosen person stands, -1: nowhere.
func (t *talk) index() int {
	return slices.IndexFunc(t.people, func(p person) bool { return p.Session == t.chosen })
}

// choose goes so many people further.
func (t *talk) choose(step int) {
	if len(t.people) > 0 {
		i := min(max(t.index()+step, 0), len(t.people)-1)
		t.chosen = t.people[i].Session
	}
}

// mute mutes us or not.
func (m *Model) mute(on bool) {
	m.talk.muted, m.talk.held = on, false
	m.talk.call.Mute(on)
}

// speak is the key to talk: it is heard while it is held, or, where the terminal does not tell when it is let go, from
// one stroke to the next.
func (m *Model) speak() {
	t := m.talk
	switch {
	case !m.holds:
		m.mute(!t.muted)
	case t.muted:
		m.mute(false)
		t.held = true
	}
}

// letGo ends what the key to talk began.
func (m *Model) letGo() {
	if m.talk.held {
		m.mute(true)
	}
}

// step is by how much a key changes somebody's volume.
const step = 0.1

// volume changes that of the chosen person.
func (t *talk) volume(change float32) {
	if i := t.index(); i >= 0 {
		p := &t.people[i]
		tenths := float32(int(p.Volume*10+0.5)) / 10
		p.Volume = min(max(tenths+change, 0), engine.MaxVolume)
		t.call.SetVolume(p.Session, p.Volume)
	}
}

// silence has the chosen person not be heard here, or again.
func (t *talk) silence() {
	i := t.index()
	if i < 0 {
		return
	}
	p := &t.people[i]
	if p.Volume > 0 {
		t.loud[p.Name], p.Volume = p.Volume, 0
	} else {
		p.Volume = 1
		if was, ok := t.loud[p.Name]; ok {
			p.Volume = was
		}
	}
	t.call.SetVolume(p.Session, p.Volume)
}
