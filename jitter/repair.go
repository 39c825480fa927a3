package jitter

import "time"

// Missing appends to dst the numbers of the frames that are not here although
// later ones are, that are not on their way as far as is known, and whose time to be
// played is still to come: those worth asking for. The oldest comes first. The
// silence between two talkspurts is not missing.
func (b *Buffer) Missing(now time.Duration, dst []uint32) []uint32 {
	if !b.frames.started {
		return dst
	}
	t := b.clock.at(now)
	talk := b.state != idle
	for n := b.frames.next; n < b.frames.highest; n++ {
		if s := b.frames.get(n); s != nil {
			talk = len(s.data) > 0
			continue
		}
		if talk && b.frames.expected(n) < t && b.due(n) > t {
			dst = append(dst, uint32(n))
		}
	}
	return dst
}

// TimeLeft is how long after now frame number is due to be played; it is negative
// when that is over.
func (b *Buffer) TimeLeft(now time.Duration, number uint32) time.Duration {
	if !b.frames.started {
		return 0
	}
	return duration(b.due(b.frames.extend(number)) - b.clock.at(now))
}

// due is when frame n is played as things stand.
func (b *Buffer) due(n int64) int64 {
	delay := b.aim.delay
	if b.state != idle {
		delay = b.delay()
	}
	return n*FrameSize + delay
}

// Expect tells that frame number, one of those missing, was asked for and should be here
// in so long from now. It is then waited for a little beyond its time.
func (b *Buffer) Expect(now time.Duration, number uint32, in time.Duration) {
	if b.frames.started && in > 0 && in < maxMaxDelay {
		b.frames.expect(b.frames.extend(number), b.clock.at(now)+samples(in))
	}
}
