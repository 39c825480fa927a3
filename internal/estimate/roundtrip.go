package estimate

import "time"

// RoundTrip is how long a datagram and its answer take, from answers to probes. It follows
// down at once, for what is longer has waited somewhere; and up slowly (RFC 6298, 2.3), and only as
// far as the shorter of the last two answers, so that one which waited says nothing.
//
// An answer that took longer than stood has not been on its way all the time: an end of the path
// stood still, or the path was down. It is no measure of the path.
type RoundTrip struct {
	smooth, least, last time.Duration
}

// stood is the longest round trip of a path that a conversation is possible on: ITU-T G.114
// plans for 400 ms one way, and the slowest networks with a second of queue come to this.
const stood = 2 * time.Second

// Add takes the time from a probe to its answer.
func (r *RoundTrip) Add(rtt time.Duration) {
	if rtt <= 0 || rtt > stood {
		return
	}
	switch shorter := min(rtt, r.last); {
	case r.smooth == 0 || rtt < r.smooth:
		r.smooth = rtt
	case shorter > r.smooth:
		r.smooth += (shorter - r.smooth) / 8
	}
	if r.least == 0 || rtt < r.least {
		r.least = rtt
	}
	r.last = rtt
}

// Value is the round trip at present, 0 if none is known.
func (r *RoundTrip) Value() time.Duration { return r.smooth }

// Least is the shortest that there was, when no queue was on the path; 0 if none is known.
func (r *RoundTrip) Least() time.Duration { return r.least }
