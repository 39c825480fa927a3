package engine

import "time"

const (
	// passShare: voice does not come through where less than one datagram in so many does, though probes do. That leaves
	// out those which are as small as probes.
	passShare = 8
	// passLost is how many datagrams it takes to believe that. Each lost one counts 1 for it, and each that came 7
	// against it, from 0 up. Where half are lost by chance, a run gets to 20 with a chance of 1.1e-6 = x^-20, where
	// x = 1.99 solves x/2 + 1/(2 x^7) = 1. So at a stride of 6, where 20 datagrams take 2.4 s, a false alarm comes once
	// in 60 hours of speech or less often; at stride 1 the 2.8 s of voiceDead are 140 datagrams: never.
	passLost = 20
	// passGaps is in how many intervals between two answered probes voice must have been missing. An outage, or a burst
	// of losses, makes one such interval: the first probe after it may come before the first voice does, no later one.
	passGaps = 2
	// passKnown is how far apart two answered probes may be: as in silence, where one was lost. What was sent between
	// others met an outage, or says nothing.
	passKnown = 3 * time.Second
	// passMost bounds what is remembered: voice that comes again is believed after 5 datagrams.
	passMost = passLost + passLost/2
)

// passage finds out whether voice goes through in one direction where probes do: some paths carry small datagrams
// only. It compares how many datagrams of voice were sent and how many came, as is known with each answer to a probe.
// The zero value is ready.
type passage struct {
	shut  bool          // voice does not come through
	since time.Duration // the last probe before which nothing was missing
	known bool          // there has been an answer, to the probe of:
	last  time.Duration
	sent  uint16 // then, modulo 65536
	came  uint16
	lost  int // the evidence, see passLost
	gaps  int // see passGaps
}

// answered takes the answer to a probe that was sent at that time, and the two counts that belong to it.
func (p *passage) answered(at time.Duration, sent, came uint16) {
	more, passed := int(sent-p.sent), int(came-p.came)
	switch {
	case !p.known, !p.shut && at-p.last > passKnown:
		p.lost = 0
	default:
		p.lost = max(0, min(p.lost+more-passShare*passed, passMost))
		if more > passShare*passed {
			p.gaps++
		}
	}
	p.known, p.last, p.sent, p.came = true, at, sent, came
	switch {
	case p.lost == 0:
		p.shut, p.gaps, p.since = false, 0, at
	case p.lost >= passLost && p.gaps >= passGaps:
		p.shut = true
	}
}
