package adapt

import "time"

// roundTrip smooths round trips as TCP does (RFC 6298, 2.3), but follows at once when they get
// shorter: the longer ones were queues.
type roundTrip struct {
	smooth time.Duration
}

func (r *roundTrip) add(rtt time.Duration) {
	switch {
	case rtt <= 0:
	case r.smooth == 0 || rtt < r.smooth:
		r.smooth = rtt
	default:
		r.smooth += (rtt - r.smooth) / 8
	}
}
