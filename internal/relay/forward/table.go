package forward

import "sync/atomic"

// table finds sessions by ID without a lock. An ID stands at its own remainder
// by the size, and IDs whose place is taken are left out: so a lookup is one
// load and one comparison.
type table struct {
	places  []atomic.Pointer[Session]
	mask    uint32
	workers uint32
	next    []uint32 // per worker, the last ID / workers; the keeper's
	first   uint32   // what that begins anew with
	last    uint32   // no ID is above
}

// Halves of the IDs. A relay that takes over from another one has the other half, so that each finds its own.
const upperHalf = 1 << 31

// newTable makes a table with at least two places per session, whose IDs are in the upper half or the lower one, and
// in a cluster in the relay's part of that.
func newTable(cfg Config) *table {
	size := 1
	for size < 2*cfg.MaxSessions {
		size *= 2
	}
	t := &table{
		places: make([]atomic.Pointer[Session], size), mask: uint32(size - 1),
		workers: uint32(cfg.Workers), next: make([]uint32, cfg.Workers), last: upperHalf - 1,
	}
	begin := uint32(0)
	if cfg.Number > 0 {
		begin = uint32(cfg.Number) << slotShift
		t.last = begin + 1<<slotShift - 1
	}
	if cfg.Upper {
		begin += upperHalf
		t.last += upperHalf
	}
	t.first = (begin + t.workers - 1) / t.workers
	for i := range t.next {
		t.next[i] = t.first
		if cfg.Number > 0 { // the last relay of this number has begun elsewhere
			t.next[i] += cfg.Skip % (1<<slotShift/t.workers - 1)
		}
	}
	return t
}

func (t *table) get(id uint32) *Session {
	s := t.places[id&t.mask].Load()
	if s == nil || s.ID != id {
		return nil
	}
	return s
}

// add gives s the worker's next ID that nobody has. When the worker's share of the half is used up they begin anew:
// whoever had one of them has left so many joins ago that nobody remembers. It fails when all of its places are
// taken.
func (t *table) add(s *Session, worker int) bool {
	for range len(t.places) {
		if t.next[worker] >= t.last/t.workers-1 {
			t.next[worker] = t.first
		}
		t.next[worker]++
		id := t.next[worker]*t.workers + uint32(worker)
		if place := &t.places[id&t.mask]; place.Load() == nil {
			s.ID = id
			place.Store(s)
			return true
		}
	}
	return false
}

func (t *table) remove(s *Session) { t.places[s.ID&t.mask].Store(nil) }
