package engine

import (
	"testing"
	"time"
)

// What a device loses from one look to the next is one pause; another device begins anew.
func TestMisses(t *testing.T) {
	var m misses
	for _, look := range []struct {
		turn int
		all  time.Duration
	}{{1, 0}, {1, 10}, {1, 30}, {1, 30}, {1, 35}, {2, 0}, {2, 4}, {2, 4}, {2, 1}} {
		m.look(look.turn, look.all)
	}
	if want := (Pauses{Count: 4, Total: 40, Longest: 30}); m.Pauses != want {
		t.Errorf("%+v, want %+v", m.Pauses, want)
	}
}
