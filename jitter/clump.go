package jitter

// clumps follows clumps: what an outage of the network held up and then lets go, in much less time than
// it took to say. Speech goes on when all of it is here, once, and not with each part of it.
type clumps struct {
	newest, at int64 // the newest frame and when it came
	first      int64 // when the first datagram came that is part of the clump
	last       int64 // when the last one did
	queue      int64 // of the delay model before the clump
}

// clumpPause is how long after its last part a clump is over, and how much later than the wanted delay its newest frame
// may be then. Recorded EV-DO pauses for 31 ms.
const clumpPause = SampleRate * 40 / 1000

// arrived takes the newest frame of a datagram, and the queue before it.
func (c *clumps) arrived(t, n, queue int64) {
	if n <= c.newest {
		return
	}
	switch {
	case 2*(t-c.at) < (n-c.newest)*FrameSize:
		if t-c.last > clumpPause {
			c.first = t
		}
		c.last = t
	case t-c.last > clumpPause:
		c.queue = queue
	}
	c.newest, c.at = n, t
}

// keep is how much more than the wanted delay is kept when speech goes on after an outage; older speech has lost its
// meaning and is dropped.
func (b *Buffer) keep() int64 { return b.ceiling() / 2 }

// gathering tells whether frame n, the oldest that is here, is too late to go on with, and belongs to a clump of
// which more is to come.
func (b *Buffer) gathering(n int64) bool {
	now, wanted := b.now(), b.clumps.queue+b.aim.margin
	return now-n*FrameSize-wanted > b.keep() && !b.frames.ended() &&
		now-b.clumps.last < clumpPause &&
		now-b.clumps.first < b.keep() &&
		b.clumps.at-b.clumps.newest*FrameSize-wanted > clumpPause
}
