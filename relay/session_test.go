package relay

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// Sessions come and go in a small table, and every one is found under its own
// ID alone.
func TestSessionIDs(t *testing.T) {
	const workers = 3
	c := NewCore(CoreConfig{MaxSessions: 20, Workers: workers})
	seen := make(map[uint32]bool)
	var in []uint32
	rng := rand.New(rand.NewPCG(3, 3))
	worker := make(map[string]uint32)
	for i := range 2000 {
		if len(in) == 20 || len(in) > 0 && rng.IntN(2) == 0 {
			k := rng.IntN(len(in))
			c.Leave(in[k])
			in = slices.Delete(in, k, k+1)
			continue
		}
		room := fmt.Sprint(rng.IntN(6))
		m, err := c.Join(0, Newcomer{Room: room, Name: "n", Voice: 1})
		if err != nil {
			t.Fatal(err)
		}
		if seen[m.Session] {
			t.Fatalf("%d given twice", m.Session)
		}
		seen[m.Session] = true
		in = append(in, m.Session)
		if len(m.Users.Names) == 1 {
			worker[room] = m.Session % workers
		} else if worker[room] != m.Session%workers {
			t.Fatalf("step %d: room %s is on two workers", i, room)
		}
	}
	found := 0
	for id := range seen {
		if s := c.table.get(id); s != nil {
			found++
			if !slices.Contains(in, id) {
				t.Errorf("%d is still there", id)
			}
		}
	}
	if found != len(in) {
		t.Errorf("found %d of %d", found, len(in))
	}
}
