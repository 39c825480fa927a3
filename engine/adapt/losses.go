package adapt

import (
	"math"
	"time"

	"github.com/tincan-voice/tincan/internal/repair"
)

// Figures of losses.
const (
	lossMemory = 8 * time.Second // time constant with which counts fade
	jumpFactor = 2               // how much worse than thought a report must be to count for more
	jumpOffset = 0.03
	jumpKeep   = 0.2 // of what was thought is kept then
)

// losses is what is known of one direction's loss: counts that fade, quicker when it gets
// much worse, so that one bad second shows and one good second does not.
type losses struct {
	received, lost, runs, repaired float64
	last                           time.Duration
}

// add takes a report's counts of datagrams.
func (l *losses) add(now time.Duration, received, lost, runs, repaired float64) {
	keep := math.Exp(-float64(now-l.last) / float64(lossMemory))
	l.last = now
	if total := received + lost; total > 0 && lost > 1 && lost/total > jumpFactor*l.fraction()+jumpOffset {
		keep = min(keep, jumpKeep)
	}
	l.received = l.received*keep + received
	l.lost = l.lost*keep + lost
	l.runs = l.runs*keep + runs
	l.repaired = l.repaired*keep + repaired
}

func (l *losses) fraction() float64 {
	if l.lost <= 0 {
		return 0
	}
	return l.lost / (l.lost + l.received)
}

func (l *losses) channel(stride int) repair.Channel {
	if l.runs <= 0 {
		return repair.NewChannel(l.fraction(), 1, stride)
	}
	return repair.NewChannel(l.fraction(), l.lost/l.runs, stride)
}
