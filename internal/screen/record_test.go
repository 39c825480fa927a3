package screen

import (
	"errors"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
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
