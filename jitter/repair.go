package jitter

import "time"

// Missing appends to dst the numbers of the frames that are not here although
// later ones are, and whose time to be played is still to come: those worth
// asking for. The oldest comes first.
func (b *Buffer) Missing(now time.Duration, dst []uint32) []uint32 {
	if !b.started {
		return dst
	}
	for n := max(b.next, b.model.playing(now)+1); n < b.highest; n++ {
		if b.get(n) == nil {
			dst = append(dst, uint32(n))
		}
	}
	return dst
}

// TimeLeft is how long after now frame number is due to be played; it is negative
// when that is over.
func (b *Buffer) TimeLeft(now time.Duration, number uint32) time.Duration {
	n := b.extend(number)
	return b.model.base + b.model.target + time.Duration(n)*FrameDuration - now
}

// Expect tells the buffer that a resend of the frame is on its way and should be
// here at due, so that it may be waited for.
func (b *Buffer) Expect(now time.Duration, number uint32, due time.Duration) {
}
