package engine

import (
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

// standstillTime is how long nothing must have come from the source for the time to be skipped. Scheduling and the
// buffers of a sound card stay well below it.
const standstillTime = 500 * time.Millisecond

// standstill finds out that the source, or the whole program, stood still: a suspended laptop, a debugger, a pipe.
// The zero value is ready.
type standstill struct {
	last  time.Duration // when the last frame came
	begun bool
}

// frame takes the time of a frame and returns how many frames before it have not been captured. As the numbers of
// frames are their time, they must be numbered all the same: otherwise everyone would take all that is
// said from now on for that much delayed.
func (s *standstill) frame(now time.Duration) (missed int) {
	if gap := now - s.last; s.begun && gap >= standstillTime {
		missed = int(gap/netproto.FrameDuration) - 1
	}
	s.last, s.begun = now, true
	return missed
}

// resume takes the time at which frames begin to come again after the source was known to give none, and returns how
// many are missing, however few.
func (s *standstill) resume(now time.Duration) (missed int) {
	if !s.begun {
		return 0
	}
	missed = int((now - s.last) / netproto.FrameDuration)
	s.last = now
	return missed
}

// skip sends the end of a talkspurt that was broken off and numbers the frames that are missing, as silence.
func (c *Call) skip(frames int) {
	if frames == 0 {
		return
	}
	silence := make([]float32, FrameSize)
	for range frames {
		c.talking.Lock()
		c.sender.Talker().SetMuted(true)
		c.talking.Unlock()
		c.speak(silence)
	}
	c.speakOn()
}

// speakOn ends what skip and fallSilent begin: a silence that is not the user's.
func (c *Call) speakOn() {
	c.talking.Lock()
	c.sender.Talker().SetMuted(c.muted.Load())
	c.talking.Unlock()
}
