package jitter

import (
	"testing"
	"time"
)

// A talker that sends more frames per datagram, or copies, after a pause has nothing repaired by that; nor is what was
// said while it was not forwarded.
func TestNothingIsRepairedAfterAPause(t *testing.T) {
	for _, tt := range []struct {
		name   string
		told   bool // by the relay, instead of the talker
		stride int
		copies int // frames, 0 none
	}{
		{"stride 3", false, 3, 0}, {"stride 3, told", true, 3, 0}, {"stride 6", false, 6, 0},
		{"copies of the one before, told", true, 1, 1}, {"copies of the third, told", true, 1, 3}, {"stride 2 and copies, told", true, 2, 4},
	} {
		c := newCall(Config{})
		const way = 30 * time.Millisecond
		c.talk(1, 100, steady(way))
		if tt.told {
			c.tell(101*FrameDuration+way, 100)
		} else {
			c.sent = append(c.sent, datagram{101*FrameDuration + way, []Frame{{Number: 100}}})
		}
		for n := 160; n < 400; n += tt.stride {
			var fs []Frame
			for k := range tt.stride {
				fs = append(fs, fakeFrame(uint32(n-k)))
			}
			for k := 0; k < tt.stride && tt.copies > 0; k++ {
				fs = append(fs, fakeFrame(uint32(n-tt.copies-k)))
			}
			c.sent = append(c.sent, datagram{time.Duration(n+1)*FrameDuration + way, fs})
		}
		c.run(7 * time.Second)
		if s := c.buffer.Stats(); s.Repaired != 0 || s.Lost != 0 || s.Late != 0 {
			t.Errorf("%s: lost %d, repaired %d, late %d", tt.name, s.Lost, s.Repaired, s.Late)
		}
	}
}

// What the relay sends first when a talker is forwarded again, and the pause before, do not make the delay longer.
func TestReplayIsNotJitter(t *testing.T) {
	c := newCall(Config{})
	delay := steady(30 * time.Millisecond)
	c.talk(1, 300, delay)
	for n := 300; n < 3000; n += 150 { // not forwarded, and then the last 200 ms of it at once
		at := time.Duration(n+1)*FrameDuration + delay(n)
		c.tell(at, uint32(n))
		for k := 50; k < 60; k++ {
			c.sent = append(c.sent, datagram{at + 60*FrameDuration, []Frame{fakeFrame(uint32(n + k))}})
		}
		c.talk(n+60, n+150, delay)
	}
	c.run(5 * time.Second)
	was := c.buffer.Stats()
	c.run(59 * time.Second)
	if s := c.buffer.Stats(); s.Target > was.Target || s.Lost != 0 || s.Late != 0 || s.Concealed != 0 || s.Dropped != 0 {
		t.Errorf("lost %d, late %d, concealed %v, dropped %d; wants %v, and %v before", s.Lost, s.Late, s.Concealed, s.Dropped, s.Target, was.Target)
	}
}
