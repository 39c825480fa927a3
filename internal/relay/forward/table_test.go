package forward

import (
	"math/rand/v2"
	"testing"
)

// Sessions come and go in a small table, and every one is found under its own ID alone, which nobody has had before.
func TestTable(t *testing.T) {
	const workers = 3
	for _, upper := range []bool{false, true} {
		tab := newTable(20, workers, upper)
		seen := make(map[uint32]bool)
		var in []*Session
		rng := rand.New(rand.NewPCG(3, 3))
		for range 2000 {
			if k := len(in); k == 20 || k > 0 && rng.IntN(2) == 0 {
				i := rng.IntN(k)
				tab.remove(in[i])
				in[i], in = in[k-1], in[:k-1]
				continue
			}
			s, worker := new(Session), rng.IntN(workers)
			if !tab.add(s, worker) || s.ID%workers != uint32(worker) || s.ID == 0 || (s.ID >= upperHalf) != upper {
				t.Fatalf("worker %d gives %d", worker, s.ID)
			}
			if seen[s.ID] {
				t.Fatalf("%d given twice", s.ID)
			}
			seen[s.ID] = true
			in = append(in, s)
		}
		for _, s := range in {
			if tab.get(s.ID) != s {
				t.Errorf("%d is not found", s.ID)
			}
			delete(seen, s.ID)
		}
		for id := range seen {
			if tab.get(id) != nil {
				t.Errorf("%d is still there", id)
			}
		}
	}
}
