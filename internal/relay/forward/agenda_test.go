package forward

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// Against a plain list: the earliest comes first, wherever it was moved to.
func TestAgenda(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	rooms := make([]*Room, 20)
	for i := range rooms {
		rooms[i] = new(Room)
	}
	var a agenda
	in := make(map[*Room]time.Duration)
	for range 5000 {
		if rng.IntN(3) > 0 {
			r, at := rooms[rng.IntN(len(rooms))], time.Duration(rng.IntN(1000))
			a.set(r, at)
			in[r] = at
		} else if len(a) > 0 {
			r := a.pop()
			for _, at := range in {
				if at < in[r] {
					t.Fatalf("%v before %v", in[r], at)
				}
			}
			delete(in, r)
		}
		if len(a) != len(in) {
			t.Fatalf("%d rooms, want %d", len(a), len(in))
		}
		for r, at := range in {
			if r.entry.at != at || slices.Index(a, r) != r.entry.slot-1 {
				t.Fatalf("%+v, want %v", r.entry, at)
			}
		}
	}
}
