package screen

import (
	"context"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/tincan-voice/tincan/engine"
)

// statsEvery is how often the figures and meters are read.
const statsEvery = 100 * time.Millisecond

// Model is the state of the screen: a tea.Model.
type Model struct {
	cfg           Config
	ctx           context.Context // covers the calls
	width, height int
	holds         bool // the terminal tells when a key is let go

	form    form
	joining *attempt // nil: there is none
	talk    *talk    // the call; nil: the form is shown
	deaf    bool     // in the next call
	err     error    // why the last call did not come about, or ended
}

// attempt is one to join.
type attempt struct {
	form   Form
	end    context.CancelFunc // of the attempt, and of the call that comes of it
	gaveUp bool
	quits  bool // the program ends with it
}

// New makes a Model. Its calls end with ctx.
func New(ctx context.Context, cfg Config) *Model {
	return &Model{cfg: cfg, ctx: ctx, width: 80, height: 24, form: newForm(cfg)}
}

// What the Model is told beside what the terminal does. Those of a call that is over are dropped.
type (
	joinedMsg struct {
		Joined
		err error
	}
	statsMsg struct {
		call  Call
		at    time.Time
		stats engine.Stats
	}
	eventsMsg struct {
		call   Call
		events []engine.Event
		open   bool
	}
	leftMsg   struct{ call Call }
	recordMsg struct {
		call      Call
		recording Recording // that has begun; nil: one has ended, or has not come about
		err       error
	}
	devicesMsg struct {
		devices Devices
		err     error
	}
	usedMsg struct {
		in, out string
		err     error
	}
)

// Init implements tea.Model.
func (m *Model) Init() tea.Cmd {
	if m.cfg.Begin {
		return m.join(m.cfg.Form)
	}
	return nil
}

// Err is why the last call did not come about or ended by itself, if the screen still said so.
func (m *Model) Err() error { return m.err }

// join begins to join a room.
func (m *Model) join(f Form) tea.Cmd {
	ctx, cancel := context.WithCancel(m.ctx)
	m.joining, m.err = &attempt{form: f, end: cancel}, nil
	m.form.set(f)
	return func() tea.Msg {
		joined, err := m.cfg.Join(ctx, f)
		return joinedMsg{joined, err}
	}
}

// Update implements tea.Model.
func (m *Model) Update(msg tea.Msg) (tea.Model, tea.Cmd) { return m, m.update(msg) }

func (m *Model) update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tea.KeyboardEnhancementsMsg:
		m.holds = msg.SupportsEventTypes()
	case joinedMsg:
		return m.joined(msg)
	case recordMsg: // after the call too: somebody has to end it
		return m.recorded(msg)
	case tea.KeyPressMsg:
		if stroke(msg) == "ctrl+c" {
			return m.quit()
		}
		return m.press(msg)
	case tea.PasteMsg:
		m.paste(msg.Content)
	default:
		if m.talk != nil {
			return m.heard(msg)
		}
	}
	return nil
}

// press takes a key.
func (m *Model) press(key tea.KeyPressMsg) tea.Cmd {
	switch {
	case m.talk != nil:
		return m.talkKey(key)
	case m.joining == nil:
		return m.formKey(key)
	case stroke(key) == "esc" || stroke(key) == "q":
		m.joining.giveUp()
	}
	return nil
}

func (m *Model) paste(text string) {
	switch {
	case m.talk != nil && m.talk.prompt != nil:
		m.talk.prompt.add(text)
	case m.talk == nil && m.joining == nil:
		m.form.paste(text)
	}
}

// joined takes what became of joining.
func (m *Model) joined(msg joinedMsg) tea.Cmd {
	a := m.joining
	m.joining = nil
	switch {
	case msg.err == nil && !a.gaveUp:
		m.talk = &talk{call: msg.Call, form: msg.Form, end: a.end, loud: map[string]float32{}, deaf: m.deaf}
		if m.cfg.Muted {
			m.mute(true)
		}
		if m.deaf {
			msg.Call.Deafen(true)
		}
		if msg.Warning != "" {
			m.talk.say(msg.Warning, true)
		}
		m.form.set(msg.Form)
		m.form.remember(msg.Form)
		m.cfg.Remember(m.form.recent)
		tasks := []tea.Cmd{read(msg.Call), listen(msg.Call)}
		if m.cfg.RecordAtOnce {
			tasks = append(tasks, m.record())
		}
		return tea.Batch(tasks...)
	case msg.err == nil: // too late
		m.talk = &talk{call: msg.Call, form: msg.Form, end: a.end, muted: m.cfg.Muted, deaf: m.deaf}
		msg.Call.Mute(true) // while it is being left
		return m.leave(func() tea.Cmd { return a.over(m.cfg.Begin) })
	}
	a.end()
	if a.gaveUp {
		return a.over(m.cfg.Begin)
	}
	m.err = msg.err
	m.form.blame(msg.err)
	return nil
}

// giveUp ends an attempt; what became of it comes as a joinedMsg.
func (a *attempt) giveUp() {
	a.gaveUp = true
	a.end()
}

// over is what follows when an attempt was given up.
func (a *attempt) over(begun bool) tea.Cmd {
	if a.quits || begun {
		return tea.Quit
	}
	return nil
}

// read takes the figures of a call after a while.
func read(call Call) tea.Cmd {
	return tea.Tick(statsEvery, func(at time.Time) tea.Msg { return statsMsg{call, at, call.Stats()} })
}

// listen waits for what happens in a call, and takes all that has.
func listen(call Call) tea.Cmd {
	return func() tea.Msg {
		var events []engine.Event
		for e, open := <-call.Events(); open; e, open = <-call.Events() {
			if events = append(events, e); len(call.Events()) == 0 {
				return eventsMsg{call, events, true}
			}
		}
		return eventsMsg{call, events, false}
	}
}

// leave ends the call; then says what comes after it.
func (m *Model) leave(then func() tea.Cmd) tea.Cmd {
	t := m.talk
	if t.then != nil {
		return nil // it is being left
	}
	t.then = then
	recording := t.recording
	return func() tea.Msg {
		if recording != nil {
			_ = recording.Stop() // what is wrong was said
		}
		t.call.Leave()
		return leftMsg{t.call}
	}
}

// quit ends everything: the relay is told, unless that takes too long for who presses the key again.
func (m *Model) quit() tea.Cmd {
	switch {
	case m.talk != nil && m.talk.then == nil:
		return m.leave(func() tea.Cmd { return tea.Quit })
	case m.joining != nil && !m.joining.quits:
		m.joining.quits = true
		m.joining.giveUp()
		return nil
	}
	return tea.Quit
}
