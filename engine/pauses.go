package engine

import (
	"time"

	"github.com/tincan-voice/tincan/audio"
)

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

// misses are the Pauses of what a device loses because nobody is there in time.
type misses struct {
	Pauses
	turn int           // of the device
	all  time.Duration // that it had lost when it was looked at last
	run  time.Duration // that it has been losing from one look to the next
}

// look takes what a device has lost in all.
func (m *misses) look(turn int, all time.Duration) {
	if turn != m.turn || all < m.all {
		m.turn, m.all, m.run = turn, 0, 0
	}
	more := all - m.all
	m.all = all
	if more == 0 {
		m.run = 0
		return
	}
	if m.run == 0 {
		m.Count++
	}
	m.run += more
	m.Total += more
	m.Longest = max(m.Longest, m.run)
}

// miss takes how a device fares that has just been used.
func (c *Call) miss(m *misses, turn int, device any) {
	c.pausing.Lock()
	defer c.pausing.Unlock()
	m.look(turn, audio.Missed(device))
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
