package jitter

import "time"

// Missing appends to dst the numbers of the frames that are not here although
// later ones are, and that are not on their way as far as is known: those worth asking for. The
// oldest comes first. Those whose time is just over are among them, since the buffer learns from what
// comes too late, and waits longer where resends are worth it; TimeLeft tells them apart. The silence between two
// talkspurts is not missing.
func (b *Buffer) Missing(now time.Duration, dst []uint32) []uint32 {
	if !b.frames.started {
		return dst
	}
	t := b.clock.at(now)
	talk := false
	for n := max(b.frames.next-missedFrames, b.frames.highest-int64(len(b.frames.slots))+1); n < b.frames.highest; n++ {
		if n == b.frames.next {
			talk = b.state != idle
		}
		if b.frames.known(n) {
			talk = b.frames.speech(n)
			continue
		}
		timely := b.due(n) > t || t-n*FrameSize-b.model.queue < missedFor
		if talk && timely && b.frames.expected(n) < t {
			dst = append(dst, uint32(n))
		}
	}
	return dst
}

const (
	// missedFor is how much later than it should have come a frame is still missing though its
	// time is over. What takes longer to come again is hardly ever worth waiting for.
	missedFor    = SampleRate * 200 / 1000
	missedFrames = missedFor / FrameSize
)

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
