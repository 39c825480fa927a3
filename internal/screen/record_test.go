package screen

import (
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
