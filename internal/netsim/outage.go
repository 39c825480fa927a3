package netsim

import (
	"math/rand/v2"
	"time"
)

// OutageTimes describes when a link stands still and what becomes of the datagrams then.
type OutageTimes struct {
	Gap    Distribution // from the end of one outage to the start of the next
	Length Distribution // of one outage
	// In each outage, datagrams that come LoseAfter from its start or later are lost for
	// LoseFor; all others are held and released together, as a clump, when it ends. A LoseFor
	// of the whole length releases nothing.
	LoseAfter, LoseFor time.Duration
	// Where Quiet is set, times of outages (each Busy long) alternate with quiet times (each
	// Quiet long) in which there are none.
	Busy, Quiet Distribution
}

// Outage stands still now and then. The order is kept.
func Outage(times OutageTimes, seed uint64) Link {
	o := &outage{times: times, rng: newRand(seed)}
	if times.Quiet != nil {
		// Start in either phase, as a listener comes at any time.
		if o.rng.IntN(2) == 0 {
			o.quietFrom = times.Busy(o.rng)
		}
	}
	o.schedule()
	return o
}

type outage struct {
	times      OutageTimes
	rng        *rand.Rand
	start, end time.Duration // the present or next outage
	quietFrom  time.Duration // the end of the present busy time
	last       time.Duration
}

// schedule draws the outage that follows the one that ended at o.end.
func (o *outage) schedule() {
	start := o.end + max(o.times.Gap(o.rng), time.Microsecond)
	for o.times.Quiet != nil && start >= o.quietFrom {
		busyFrom := o.quietFrom + max(o.times.Quiet(o.rng), time.Microsecond)
		o.quietFrom = busyFrom + max(o.times.Busy(o.rng), time.Microsecond)
		start = max(start, busyFrom+o.times.Gap(o.rng))
	}
	o.start = start
	o.end = start + max(o.times.Length(o.rng), 0)
}

func (o *outage) Send(now time.Duration, _ int) Fate {
	for now >= o.end {
		o.schedule()
	}
	if now >= o.start {
		into := now - o.start
		if into >= o.times.LoseAfter && into < o.times.LoseAfter+o.times.LoseFor {
			return Lost
		}
		now = o.end
	}
	o.last = max(o.last, now)
	return Arrive(o.last)
}
