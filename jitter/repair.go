package jitter

import "time"

// Expect tells that frame number, which is not here, was asked for and should be here
// in so long from now. It is then waited for a little beyond its time.
func (b *Buffer) Expect(now time.Duration, number uint32, in time.Duration) {
	if b.frames.started && in > 0 {
		b.frames.expect(b.frames.extend(number), b.clock.at(now)+samples(in))
	}
}
