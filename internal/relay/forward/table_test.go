package forward

import (
	"math/rand/v2"
	"testing"
)

// When all IDs of a worker have been given they begin anew, and none that is in use is given twice.
func TestTableBeginsAnew(t *testing.T) {
	const workers = 3
	for _, upper := range []bool{false, true} {
		tab := newTable(Config{MaxSessions: 20, Workers: workers, Upper: upper})
		stays := make(map[uint32]bool)
		for i := range 20 {
			s := new(Session)
			if !tab.add(s, 1) {
				t.Fatal("no ID")
			}
			if i%2 == 0 {
				stays[s.ID] = true
			} else {
				tab.remove(s)
			}
		}
		tab.next[1] = tab.last/workers - 5
		lowest := tab.last
		for range 1000 {
			s := new(Session)
			if !tab.add(s, 1) || stays[s.ID] || s.ID%workers != 1 || s.ID == 0 || (s.ID >= upperHalf) != upper || tab.get(s.ID) != s {
				t.Fatalf("%d", s.ID)
			}
			lowest = min(lowest, s.ID)
			tab.remove(s)
		}
		if lowest > tab.last-upperHalf+200 {
			t.Errorf("they do not begin anew: the lowest is %d", lowest)
		}
	}
}

// Sessions come and go in a small table, and every one is found under its own ID alone, which nobody has had before.
func TestTable(t *testing.T) {
	const workers = 3
	for _, upper := range []bool{false, true} {
		tab := newTable(Config{MaxSessions: 20, Workers: workers, Upper: upper})
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
