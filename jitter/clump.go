package jitter

// clumps follows clumps: what an outage of the network held up and then lets go, in much less time than
// it took to say. Speech goes on when all of it is here, once, and not with each part of it.
type clumps struct {
	newest, at int64 // the newest frame and when it came
	last       int64 // when a datagram came that is part of a clump
	queue      int64 // of the delay model before the clump
}

const (
	// clumpPause is how long after its last part a clump is over. Recorded EV-DO pauses for 31 ms.
	clumpPause = SampleRate * 40 / 1000
	// clumpMost is how long the whole of it is waited for, and no longer than half the ceiling.
	clumpMost = SampleRate * 100 / 1000
	// clumpOver is how much later than the wanted delay the newest frame may be, once the clump is over, 60 ms.
	clumpOver = 3 * FrameSize
	// keepLate is how much more than the wanted delay is kept when speech goes on after
	// an outage; older speech has lost its meaning and is dropped.
	keepLate = SampleRate * 250 / 1000
)

// arrived takes the newest frame of a datagram, and the queue before it.
func (c *clumps) arrived(t, n, queue int64) {
	if n <= c.newest {
		return
	}
	switch {
	case 2*(t-c.at) < (n-c.newest)*FrameSize:
		c.last = t
	case t-c.last > clumpPause:
		c.queue = queue
	}
	c.newest, c.at = n, t
}

// gathering tells whether frame n, the oldest that is here, is too late to go on with, and belongs to a clump of
// which more is to come.
func (b *Buffer) gathering(n int64) bool {
	now, wanted := b.pulled+b.elapsed, b.clumps.queue+b.aim.margin
	return now-n*FrameSize-wanted > keepLate && !b.frames.ended() &&
		now-b.clumps.last < clumpPause &&
		now-b.frames.get(n).at < min(clumpMost, b.ceiling()/2) &&
		b.clumps.at-b.clumps.newest*FrameSize-wanted > clumpOver
}

// leap makes n, the oldest frame that is here, the next one if so many before it are missing that nothing could stand
// for them, and its own time has come.
func (b *Buffer) leap(n int64) {
	if missing := n - b.frames.next; missing > concealMost && b.pulled+b.elapsed-n*FrameSize >= b.aim.delay {
		b.carryOn()
		b.frames.skipTo(n)
		b.stats.Lost += uint64(missing)
	}
}

// catchUp makes the next frame one that is here: n, the oldest, or where that is much too late a later one. The
// end of a talkspurt is played however late it is, since the pause after it makes up for it.
func (b *Buffer) catchUp(n int64) {
	if late := b.pulled + b.elapsed - n*FrameSize - b.aim.delay; late > keepLate && !b.frames.ended() {
		b.stats.Dropped += uint64(b.frames.skipTo(min(n+(late-keepLate)/FrameSize, b.frames.highest)))
		if n, ok := b.frames.first(); ok {
			b.frames.skipTo(n)
		}
	}
}
