package engine

import "time"

// GapCause is why no voice could flow for a while.
type GapCause uint8

// The causes.
const (
	GapPath    GapCause = iota // the path died, and another one took its place
	GapTunnel                  // the tunnel stood still
	GapRelay                   // the relay was away
	GapNetwork                 // the network was
	gapCauses                  // how many there are
)

var gapNames = [gapCauses]string{"path changed", "tunnel stood still", "relay away", "network down"}

// String names the cause in a few words.
func (c GapCause) String() string {
	if c < gapCauses {
		return gapNames[c]
	}
	return "unknown"
}

// Gap is how often, and for how long in all, no voice could flow for a cause.
type Gap struct {
	Count int
	Total time.Duration
}

// leastGap is how long the path in use must get no answer, besides a round trip, for that to count.
const leastGap = 500 * time.Millisecond

// gaps counts them. It is sans-IO.
type gaps struct {
	counts [gapCauses]Gap

	open  bool
	since time.Duration
	cause GapCause
}

// look takes for how long the path in use has got no answer, whether it is the tunnel, and whether the relay is known to be
// away.
func (g *gaps) look(now time.Duration, p *pathState, tunnelled, relayAway bool) {
	silent := p.silent
	switch {
	case p.open:
	case g.open:
		silent = max(silent, now-g.since)
	default:
		silent = leastGap + p.rtt // it has just closed
	}
	if silent < leastGap+p.rtt {
		if g.open {
			g.open = false
			g.counts[g.cause].Count++
			g.counts[g.cause].Total += now - silent - g.since
		}
		return
	}
	if !g.open {
		g.open, g.since, g.cause = true, now-silent, GapNetwork
		if tunnelled {
			g.cause = GapTunnel
		}
	}
	if relayAway {
		g.cause = GapRelay
	}
}

// changed takes that voice takes another path.
func (g *gaps) changed() {
	if g.open {
		g.cause = GapPath
	}
}

// stats are the gaps up to now.
func (g *gaps) stats(now time.Duration) [gapCauses]Gap {
	all := g.counts
	if g.open {
		all[g.cause].Count++
		all[g.cause].Total += now - g.since
	}
	return all
}
