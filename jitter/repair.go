package jitter

import "time"

// Missing appends to dst the numbers of the frames that are not here although
// later ones are, and whose time to be played is still to come: those worth
// asking for. The oldest comes first.
func (b *Buffer) Missing(now time.Duration, dst []uint32) []uint32 {
	if !b.frames.started {
		return dst
	}
	for n := b.frames.next; n < b.frames.highest; n++ {
		if s := &b.frames.slots[n&b.frames.mask]; s.state == empty || s.number != n {
			if b.TimeLeft(now, uint32(n)) > 0 {
				dst = append(dst, uint32(n))
			}
		}
	}
	return dst
}

// TimeLeft is how long after now frame number is due to be played; it is negative
// when that is over.
func (b *Buffer) TimeLeft(now time.Duration, number uint32) time.Duration {
	due := b.aim.delay
	if b.state != idle {
		due = b.delay()
	}
	return duration(b.frames.extend(number)*FrameSize + due - b.clock.at(now))
}
