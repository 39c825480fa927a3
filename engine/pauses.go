package engine

import "time"

// Pauses are times in which what goes on by itself did not.
type Pauses struct {
	Count   int
	Total   time.Duration
	Longest time.Duration
}

// leastPause is what is none: schedulers and sound systems are late by less, and the jitter buffer has as much.
const leastPause = 100 * time.Millisecond

// late takes by how much something was late.
func (p *Pauses) late(d time.Duration) {
	if d >= leastPause {
		p.Count++
		p.Total += d
		p.Longest = max(p.Longest, d)
	}
}

// woke takes when tend was to wake, and when it did.
func (c *Call) woke(due, now time.Duration) {
	c.pausing.Lock()
	defer c.pausing.Unlock()
	if due > 0 { // else it begins
		c.machine.late(now - due)
	}
}

// played takes for how long the Sink took a block.
func (c *Call) played(took time.Duration) {
	c.pausing.Lock()
	defer c.pausing.Unlock()
	c.output.late(took - playbackBlock)
}
