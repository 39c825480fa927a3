package swarm

import "time"

// When clients probe that are not told otherwise, as docs/protocol.md (9) has it and real
// clients do.
const (
	probeBusy  = 500 * time.Millisecond // while somebody talks
	probeIdle  = 2 * time.Second        // while nobody does
	probeHurry = 200 * time.Millisecond // without a voice path
)

// probing is the schedule of all clients' probes.
type probing struct {
	wheel
	fixed bool  // the period never changes
	hurry wheel // looks at all; those who have a path wait for their turn on the other wheel
}

// newProbing makes the schedule for n clients. every is the interval; 0: that of real clients.
func newProbing(every time.Duration, n int) probing {
	p := probing{
		wheel: wheel{period: every, places: n}, fixed: every != 0,
		hurry: wheel{period: probeHurry, places: n},
	}
	if !p.fixed {
		p.period = probeIdle
	}
	return p
}

// pace is told whether anybody talks.
func (p *probing) pace(now time.Duration, talking bool) {
	period := probeIdle
	if talking {
		period = probeBusy
	}
	if !p.fixed && period != p.period {
		place := p.k % p.places
		p.wheel = wheel{start: now - time.Duration(place)*period/time.Duration(p.places), period: period, places: p.places, k: place}
	}
}
