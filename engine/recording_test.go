package engine

import (
	"context"
	"testing"
)

// The room is told that nobody records when the last recording has ended.
func TestRecordings(t *testing.T) {
	over, cancel := context.WithCancel(t.Context())
	cancel() // nobody is told
	c := &Call{running: over}
	for i, on := range []bool{false, true, true, false} {
		if c.SetRecording(on); c.records() != (i > 0) {
			t.Errorf("step %d: %v", i, c.records())
		}
	}
	if c.SetRecording(false); c.records() {
		t.Error("nobody records any more")
	}
}
