package estimate

import "time"

const (
	lossCell  = 125 * time.Millisecond
	lossCells = 64

	// LossMemory is the longest span that Loss can look back on.
	LossMemory = lossCell * lossCells
)

// Loss counts received and lost datagrams and the runs that the losses form, over
// any span up to LossMemory.
type Loss struct {
	cells  [lossCells]Losses
	newest int64 // number of the cell in use
}

// Losses are the datagrams of a span of time.
type Losses struct {
	Received, Lost int // datagrams
	Runs           int // runs of consecutive losses
}

// Received notes a datagram that came.
func (l *Loss) Received(now time.Duration) { l.cell(now).Received++ }

// Lost notes a run of n consecutive datagrams that did not come.
func (l *Loss) Lost(now time.Duration, n int) {
	c := l.cell(now)
	c.Lost += n
	c.Runs++
}

// Found notes that one of the lost datagrams came after all, by itself.
func (l *Loss) Found(now time.Duration) { l.cell(now).Lost-- }

// Over returns the figures of the last span.
func (l *Loss) Over(now, span time.Duration) Losses {
	l.cell(now)
	var sum Losses
	n := min(int64((span+lossCell-1)/lossCell), lossCells)
	for i := range n {
		c := &l.cells[(l.newest-i+lossCells)%lossCells]
		sum.Received += c.Received
		sum.Lost += c.Lost
		sum.Runs += c.Runs
	}
	sum.Lost = max(sum.Lost, 0)
	sum.Runs = min(sum.Runs, sum.Lost)
	return sum
}

// cell returns the cell of now, after clearing those that have become stale.
func (l *Loss) cell(now time.Duration) *Losses {
	n := int64(now / lossCell)
	if n-l.newest > lossCells {
		l.newest = n - lossCells
	}
	for l.newest < n {
		l.newest++
		l.cells[l.newest%lossCells] = Losses{}
	}
	return &l.cells[l.newest%lossCells]
}

// Fraction is the share of datagrams lost, 0 to 1.
func (l Losses) Fraction() float64 {
	if l.Lost == 0 {
		return 0
	}
	return float64(l.Lost) / float64(l.Lost+l.Received)
}

// Burst is the mean number of datagrams in a run of losses, 0 without loss.
func (l Losses) Burst() float64 {
	if l.Runs == 0 {
		return 0
	}
	return float64(l.Lost) / float64(l.Runs)
}
