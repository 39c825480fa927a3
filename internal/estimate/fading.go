package estimate

import (
	"math"
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

// Figures of a Fading.
const (
	lossFades = 14 * time.Second // time constant with which counts fade
	jumpKeep  = 0.2              // of what was thought is kept when it gets much worse
	priorRuns = 1.5
)

// Fading is what is known of one hop's loss: counts that fade, quicker when it gets
// much worse, so that one bad second shows and one good second does not.
type Fading struct {
	received, lost float64 // datagrams
	runs, span     float64 // runs of losses, and the frames of time that they lasted
	last           time.Duration
}

// Add takes what became of datagrams that are stride frames apart.
func (f *Fading) Add(now time.Duration, stride int, o netproto.Outcome) {
	keep := math.Exp(-float64(now-f.last) / float64(lossFades))
	f.last = now
	received, lost := float64(o.Received), max(float64(o.Lost), 0)
	runs := min(float64(o.Runs), lost)
	// Much worse is more than twice the runs that were expected and than chance explains: three
	// standard deviations of a Poisson count, and one and a half more.
	if expected := (received + lost) * f.runs / max(f.received+f.lost, 1); runs > 2*expected+3*math.Sqrt(expected)+1.5 {
		keep = min(keep, jumpKeep)
	}
	f.received = f.received*keep + received
	f.lost = f.lost*keep + lost
	f.runs = f.runs*keep + runs
	f.span = f.span*keep + (lost-runs)*float64(stride) + runs
}

// Fraction is the share of datagrams that is lost, 0 to 1.
func (f *Fading) Fraction() float64 { return f.lost / max(f.lost+f.received, 1) }

// Known is how many datagrams Fading knows of, which fades as they do.
func (f *Fading) Known(now time.Duration) float64 {
	return (f.received + f.lost) * math.Exp(-float64(now-f.last)/float64(lossFades))
}

// Outcome is that in whole datagrams.
func (f *Fading) Outcome(now time.Duration) netproto.Outcome {
	g := *f
	g.Add(now, 1, netproto.Outcome{})
	return netproto.Outcome{Received: int(g.received), Lost: int(g.lost), Runs: int(g.runs)}
}

// Channel fits a channel. A few runs say little about their mean length, so it is
// held back towards that of single losses.
func (f *Fading) Channel() Channel {
	return NewChannel(f.Fraction(), (f.span+priorRuns)/(f.runs+priorRuns))
}
