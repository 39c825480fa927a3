package clean

import "testing"

// The canceller is gentle while much is left, but not before it has learnt, and not for an echo.
func TestSuppress(t *testing.T) {
	var s suppress
	for _, step := range []struct {
		what          string
		blocks        int
		before, after float64
		loud          float64
		anew          bool
		gentle        bool // at the end
		changes       int
	}{
		{"an echo that is not known yet", echoLearnt - 1, 1e-3, 5e-4, 1e-2, false, false, 0},
		{"an echo that is known", 100, 1e-3, 1e-7, 1e-2, false, false, 0},
		{"somebody talks as well", 1, 2e-3, 1e-3, 1e-2, false, true, 1},
		{"and goes on", 100, 2e-3, 1e-3, 1e-2, false, true, 0},
		{"a gap between two words", talkHold - 1, 1e-3, 1e-7, 1e-2, false, true, 0},
		{"nobody any more", 1, 1e-3, 1e-7, 1e-2, false, false, 1},
		{"again", 1, 2e-3, 1e-3, 1e-2, false, true, 1},
		{"it comes later now", talkHold, 1e-3, 5e-4, 1e-2, true, false, 1},
		{"nothing is played, so there is nothing to learn from", 1000, 1e-3, 1e-3, 0, false, false, 0},
	} {
		if step.anew {
			s.anew()
		}
		gentle, changes := false, 0
		for range step.blocks {
			var changed bool
			if gentle, changed = s.heard(step.before, step.after, step.loud); changed {
				changes++
			}
		}
		if gentle != step.gentle || changes != step.changes {
			t.Errorf("%s: gentle %v, %d changes", step.what, gentle, changes)
		}
	}
}
