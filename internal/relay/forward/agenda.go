package forward

import "time"

// agenda is when a worker has to look at which of its rooms: a binary heap, the
// earliest first, with a room in it at most once. It and the part of a room that
// belongs to it are the worker's own.
type agenda []*Room

// entry is a room's place in the agenda of its timer.
type entry struct {
	at   time.Duration
	slot int // from 1 on; 0: none
}

// set enters a room, or moves it to another time.
func (a *agenda) set(r *Room, at time.Duration) {
	r.entry.at = at
	if r.entry.slot == 0 {
		*a = append(*a, r)
		r.entry.slot = len(*a)
	}
	a.settle(r)
}

// pop removes the earliest. There must be one.
func (a *agenda) pop() *Room {
	h := *a
	first, last := h[0], h[len(h)-1]
	h[len(h)-1] = nil
	*a = h[:len(h)-1]
	first.entry.slot = 0
	if last != first {
		last.entry.slot = 1
		a.settle(last)
	}
	return first
}

// settle lets a room rise or sink to where it belongs.
func (a *agenda) settle(r *Room) {
	h, i := *a, r.entry.slot-1
	put := func(i int, r *Room) {
		h[i] = r
		r.entry.slot = i + 1
	}
	for i > 0 && r.entry.at < h[(i-1)/2].entry.at {
		put(i, h[(i-1)/2])
		i = (i - 1) / 2
	}
	for {
		down := 2*i + 1
		if down >= len(h) {
			break
		}
		if down+1 < len(h) && h[down+1].entry.at < h[down].entry.at {
			down++
		}
		if r.entry.at <= h[down].entry.at {
			break
		}
		put(i, h[down])
		i = down
	}
	put(i, r)
}
