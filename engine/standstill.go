package engine

import (
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

// standstillTime is how long nothing must have come from the source for the time to be skipped. Scheduling and the
// buffers of a sound card stay well below it.
const standstillTime = 500 * time.Millisecond

const (
	// hiccup is the gap between two frames from which on the source may have lost sound: sound cards and package audio
	// keep 60 to 100 ms of it.
	hiccup = 100 * time.Millisecond
	// hiccupOver is how many frames later all that was kept has come, even of the longest hiccup.
	hiccupOver = int(standstillTime / netproto.FrameDuration)
	// paceFrames is of how many frames the usual time of their coming is taken, once and once again.
	paceFrames = 50
)

// standstill finds out that the source, or the whole program, stood still: a suspended laptop, a debugger, a pipe,
// a busy machine. The zero value is ready.
type standstill struct {
	last  time.Duration // when the last frame came
	begun bool

	lag    time.Duration    // of the last frame behind real time, from any start
	leasts [2]time.Duration // the least lag of the last frames and of those before
	count  int              // of the last frames
	watch  int              // frames until it is known what a hiccup has cost
	after  time.Duration    // the least lag since
	lost   time.Duration    // what hiccups have cost and no number was given to yet
}

// frame takes the time of a frame and returns how many frames before it have not been captured. As the numbers of
// frames are their time, they must be numbered all the same: otherwise everyone would take all that is
// said from now on for that much delayed. What a hiccup has cost is made up for in the next pause: it is known too
// late to do so in the middle of a word.
func (s *standstill) frame(now time.Duration, pause bool) (missed int) {
	gap := now - s.last
	s.last = now
	if !s.begun || gap >= standstillTime {
		if s.begun {
			missed = int(gap/netproto.FrameDuration) - 1
		}
		*s = standstill{last: now, begun: true, lost: s.lost}
		return missed
	}
	s.lag += gap - netproto.FrameDuration
	if gap >= hiccup {
		s.watch, s.after = hiccupOver, s.lag
	}
	if s.watch > 0 {
		s.settle()
		return 0
	}
	if s.count++; s.count > paceFrames {
		s.leasts, s.count = [2]time.Duration{s.lag, s.leasts[0]}, 1
	}
	s.leasts[0] = min(s.leasts[0], s.lag)
	if pause {
		missed = int(s.lost / netproto.FrameDuration)
		s.lost -= time.Duration(missed) * netproto.FrameDuration
	}
	return missed
}

// leaveOut says that so much of what the source gives is left out before the next frame.
func (s *standstill) leaveOut(d time.Duration) { s.last += d }

// settle looks at what a hiccup has cost, when all that was kept has come.
func (s *standstill) settle() {
	s.after = min(s.after, s.lag)
	if s.watch--; s.watch > 0 {
		return
	}
	if lost := s.after - min(s.leasts[0], s.leasts[1]); lost >= netproto.FrameDuration {
		s.lost += lost
	}
	s.lag, s.leasts, s.count = s.lag-s.after, [2]time.Duration{}, 0
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
