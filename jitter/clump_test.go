package jitter

import (
	"testing"
	"time"
)

const way = 30 * time.Millisecond // from a full frame to its arrival

// filled is when a frame that nothing holds up comes.
func filled(n int) time.Duration { return time.Duration(n+1)*FrameDuration + way }

// firstHeard is when speech was heard first at from or later.
func (c *call) firstHeard(from time.Duration) time.Duration {
	for _, s := range c.segments {
		if at := duration(s.at); at >= from && s.Kind == Decoded {
			return at
		}
	}
	return time.Hour
}

// The end of a talkspurt is played however late an outage made it, and at once: nothing is dropped, and nothing more is
// waited for.
func TestTheEndOfATalkspurtIsPlayedHoweverLate(t *testing.T) {
	c := newCall(Config{})
	c.talk(1, 985, steady(way))
	over := filled(1005)
	c.talk(985, 1000, func(n int) time.Duration { return way + over - filled(n) })
	c.sent = append(c.sent, datagram{over, []Frame{{Number: 1000}}})
	c.run(over + 100*time.Millisecond)
	wantBelow(t, "speech goes on after the clump came", c.firstHeard(over-100*time.Millisecond)-over, 20*time.Millisecond)
	c.run(25 * time.Second)
	if s := c.buffer.Stats(); s.Dropped+s.Lost > 0 {
		t.Errorf("dropped %d, lost %d", s.Dropped, s.Lost)
	}
}

// What came first of a clump is not kept for a rest that does not come, nor for one that goes on for seconds.
func TestAClumpIsNotGatheredForLong(t *testing.T) {
	first := filled(1150)
	for _, tt := range []struct {
		name   string
		frames int           // at a time, from 1000 on
		every  time.Duration // that many come
		until  int
		within time.Duration
	}{
		{"nothing more comes", 10, 40 * time.Millisecond, 1010, 60 * time.Millisecond},
		{"it drips", 2, 30 * time.Millisecond, 1400, 270 * time.Millisecond},
	} {
		c := newCall(Config{})
		c.talk(1, 1000, steady(way))
		c.talk(1000, tt.until, func(n int) time.Duration {
			return way + max(0, first+time.Duration((n-1000)/tt.frames)*tt.every-filled(n))
		})
		c.run(first + time.Second)
		wantBelow(t, tt.name+": speech goes on after", c.firstHeard(first)-first, tt.within)
	}
}

// A short stall is played through: what comes of it first is not kept for the rest.
func TestAShortStallIsNotGathered(t *testing.T) {
	c := newCall(Config{})
	c.talk(1, 1000, steady(way))
	first := filled(1007)
	c.talk(1000, 1008, func(n int) time.Duration { // in two parts
		return way + max(0, first+time.Duration((n-1000)/4)*20*time.Millisecond-filled(n))
	})
	c.talk(1008, 1100, steady(way))
	c.run(first + time.Second)
	wantBelow(t, "speech goes on after", c.firstHeard(first)-first, 15*time.Millisecond)
}
