package adapt

import (
	"math"
	"time"

	"github.com/tincan-voice/tincan/internal/estimate"
)

// Figures of losses.
const (
	lossMemory  = 14 * time.Second // time constant with which counts fade
	triedMemory = 20 * time.Second // time constant with which it is forgotten that resends did not help
	jumpKeep    = 0.2              // of what was thought is kept when it gets much worse
)

// losses is what is known of one direction's loss: counts that fade, quicker when it gets
// much worse, so that one bad second shows and one good second does not.
type losses struct {
	received, lost float64 // datagrams
	runs, span     float64 // runs of losses, and the frames of time that they lasted
	left           float64 // share of the lost that resends do not bring, where they are tried
	last           time.Duration
}

// add takes a report's counts of datagrams that are stride frames apart, with the mean
// length of a run of losses.
func (l *losses) add(now time.Duration, stride int, received, lost, burst float64) {
	keep := math.Exp(-float64(now-l.last) / float64(lossMemory))
	l.last = now
	burst = max(burst, 1)
	runs := lost / burst
	// Much worse is more than twice the runs that were expected and than chance explains: three
	// standard deviations of a Poisson count, and one and a half more.
	if expected := (received + lost) * l.perDatagram(); runs > 2*expected+3*math.Sqrt(expected)+1.5 {
		keep = min(keep, jumpKeep)
	}
	l.received = l.received*keep + received
	l.lost = l.lost*keep + lost
	l.runs = l.runs*keep + runs
	l.span = l.span*keep + runs*((burst-1)*float64(stride)+1)
}

// tried takes how much of a report's loss resends have left. They are believed to work until
// they have been tried, and again after a time without loss.
func (l *losses) tried(left float64) {
	if l.fraction() < cleanLoss {
		l.left = 0
		return
	}
	l.left += (min(max(left, 0), 1) - l.left) / 8
}

// untried notes that resends were not counted on for a time: what was thought of them is forgotten.
func (l *losses) untried(d time.Duration) {
	l.left *= math.Exp(-float64(d) / float64(triedMemory))
}

// perDatagram is the mean number of runs of losses per datagram.
func (l *losses) perDatagram() float64 {
	if l.runs <= 0 {
		return 0
	}
	return l.runs / (l.lost + l.received)
}

func (l *losses) fraction() float64 {
	if l.lost <= 0 {
		return 0
	}
	return l.lost / (l.lost + l.received)
}

// channel fits a channel. A few runs say little about their mean length, so it is
// held back towards that of single losses, and below what no copy outlives.
func (l *losses) channel() estimate.Channel {
	run := (l.span + priorRuns) / (l.runs + priorRuns)
	return estimate.NewChannel(l.fraction(), min(run, longestRun), 1)
}

const (
	priorRuns  = 1.5
	longestRun = 10.0 // frames
)
