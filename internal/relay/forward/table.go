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
}

// newTable makes a table with at least two places per session.
func newTable(sessions, workers int) *table {
	size := 1
	for size < 2*sessions {
		size *= 2
	}
	return &table{
		places: make([]atomic.Pointer[Session], size), mask: uint32(size - 1),
		workers: uint32(workers), next: make([]uint32, workers),
	}
}

func (t *table) get(id uint32) *Session {
	s := t.places[id&t.mask].Load()
	if s == nil || s.ID != id {
		return nil
	}
	return s
}

// add gives s the worker's next ID, from 1 on. It fails when the worker's
// share of the 2^32 is used up, or all of its places are taken.
func (t *table) add(s *Session, worker int) bool {
	const last = 1<<32 - 1
	for range len(t.places) {
		if t.next[worker] >= last/t.workers-1 {
			return false
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
