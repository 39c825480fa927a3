package relay

import "time"

// agenda is when a worker has to look at which of its rooms: a binary heap, the
// earliest first. A room may stand in it more than once; only the time in its
// repairs counts.
type agenda []appointment

type appointment struct {
	at   time.Duration
	room *room
}

func (a *agenda) push(p appointment) {
	h := append(*a, p)
	i := len(h) - 1
	for i > 0 {
		up := (i - 1) / 2
		if h[up].at <= p.at {
			break
		}
		h[i], i = h[up], up
	}
	h[i] = p
	*a = h
}

// pop removes the earliest. There must be one.
func (a *agenda) pop() appointment {
	h := *a
	first, last := h[0], h[len(h)-1]
	h[len(h)-1] = appointment{}
	h = h[:len(h)-1]
	*a = h
	if len(h) == 0 {
		return first
	}
	i := 0
	for {
		down := 2*i + 1
		if down >= len(h) {
			break
		}
		if down+1 < len(h) && h[down+1].at < h[down].at {
			down++
		}
		if last.at <= h[down].at {
			break
		}
		h[i], i = h[down], down
	}
	h[i] = last
	return first
}
