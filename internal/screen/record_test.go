package screen

import (
	"errors"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/tincan-voice/tincan/engine"
)

// A recording that begins when the call is over is ended.
func TestRecordingTooLate(t *testing.T) {
	fake := &fakeRecording{done: make(chan struct{})}
	r := newRig(t, Config{Form: annsForm, Begin: true, Record: func(Call) (Recording, error) { return fake, nil }}, 80, 24)
	_, begin := r.Update(tea.KeyPressMsg{Code: 'r', ShiftedCode: 'R', Text: "R", Mod: tea.ModShift})
	r.talk = nil
	done := fake.done
	r.send(begin())
	select {
	case <-done:
	default:
		t.Error("it goes on")
	}
}

// A disk that is full ends a recording, and that is what is said.
func TestRecordingFails(t *testing.T) {
	fake := &fakeRecording{done: make(chan struct{}), err: errors.New("no space left on device")}
	r := newRig(t, Config{Form: annsForm, Begin: true}, 80, 24)
	r.figures(0, aCall())
	_, _ = r.Update(recordMsg{r.call, fake, nil}) // what waits for its end is not run here
	r.send(recordMsg{call: r.call, err: fake.err})
	if want := "the recording has ended: no space left on device"; !strings.Contains(r.text(), want) || r.talk.recording != nil {
		t.Errorf("%q is missing:\n%s", want, r.text())
	}
}

// fakeRecording ends with Stop.
type fakeRecording struct {
	done chan struct{}
	err  error
}

func (r *fakeRecording) Dir() string           { return "recordings/1" }
func (r *fakeRecording) Done() <-chan struct{} { return r.done }
func (r *fakeRecording) Stop() error           { close(r.done); r.done = make(chan struct{}); return r.err }

// One sees that one records, that others do, and what becomes of it.
func TestRecording(t *testing.T) {
	fake := &fakeRecording{done: make(chan struct{})}
	r := newRig(t, Config{Form: annsForm, Begin: true, Record: func(Call) (Recording, error) {
		return fake, nil
	}}, 80, 24)
	s := aCall()
	s.Peers[0].Recording = true
	r.figures(time.Second, s)
	r.event(engine.PeerRecording{Session: s.Peers[0].Session, Name: "Bob", Recording: true})
	for _, want := range []string{"Bob records the call", "RECORDS"} {
		if !strings.Contains(r.text(), want) || strings.Contains(r.text(), "REC ") {
			t.Errorf("%q:\n%s", want, r.text())
		}
	}
	capital := tea.KeyPressMsg{Code: 'r', ShiftedCode: 'R', Text: "R", Mod: tea.ModShift}
	_, begin := r.Update(capital)
	if _, again := r.Update(capital); again != nil {
		t.Error("one recording begins twice")
	}
	_, wait := r.Update(begin())
	for _, announced := range []bool{false, true} {
		s.Recording, s.Announced = true, announced
		r.figures(2*time.Second, s)
		if !strings.Contains(r.text(), "REC") || strings.Contains(r.text(), "say so") == announced || !strings.Contains(r.text(), "recording into recordings/1") {
			t.Errorf("announced %v:\n%s", announced, r.text())
		}
	}
	ended := make(chan tea.Msg)
	done := fake.done
	go func() { <-done; ended <- recordMsg{call: r.call, err: fake.err} }()
	_, end := r.Update(capital)
	end()
	r.send(<-ended)
	if wait == nil || r.talk.recording != nil || !strings.Contains(r.text(), "recorded into recordings/1") {
		t.Errorf("\n%s", r.text())
	}
}
