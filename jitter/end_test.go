package jitter

import (
	"testing"
	"time"
)

// tell lets the talker's end be told: from frame n on nothing comes.
func (c *call) tell(at time.Duration, n uint32) {
	c.ends = append(c.ends, ended{at, n})
}

// Whoever is told that nothing more comes fades to silence: nothing is lost, and the speech goes on as after a pause.
func TestEnd(t *testing.T) {
	at := func(n int) time.Duration { return time.Duration(n+1)*FrameDuration + 30*time.Millisecond }
	for _, tt := range []struct {
		name string
		ends []ended
		from int  // the first frame that comes again
		lost bool // frame 99
		want uint64
	}{
		{name: "in time", ends: []ended{{at(100), 100}}, from: 160},
		{name: "twice", ends: []ended{{at(100), 100}, {at(101), 100}}, from: 160},
		{name: "one datagram late", ends: []ended{{at(101), 100}}, from: 160},
		{name: "with a frame lost before it", ends: []ended{{at(100), 100}}, from: 160, lost: true, want: 1},
		{name: "before the last frames", ends: []ended{{at(95), 100}}, from: 160},
		{name: "it goes on at once", ends: []ended{{at(100), 100}}, from: 103},
		{name: "it was not true", ends: []ended{{at(100), 100}}, from: 100},
		{name: "it had been said before", ends: []ended{{at(99), 60}, {at(100), 100}, {at(170), 100}}, from: 160},
		{name: "far ahead", ends: []ended{{at(50), 1e6}, {at(100), 100}}, from: 160},
	} {
		c := newCall(Config{})
		c.codec.keep = true
		delay := steady(30 * time.Millisecond)
		c.talk(1, 100, func(n int) time.Duration {
			if tt.lost && n == 99 {
				return -1
			}
			return delay(n)
		})
		c.ends = append(tt.ends, ended{at(300), 300})
		c.talk(tt.from, 300, delay)
		c.run(at(310))
		want := 99 + 300 - tt.from
		if tt.lost {
			want--
		}
		s := c.buffer.Stats()
		if got := len(c.codec.decoded); got != want {
			t.Errorf("%s: %d frames played, want %d", tt.name, got, want)
		}
		concealed := time.Duration(tt.want) * FrameDuration
		if tt.name == "one datagram late" {
			concealed += FrameDuration
		}
		if s.Lost != tt.want || s.Late != 0 || s.Concealed > concealed {
			t.Errorf("%s: lost %d, late %d, concealed %v", tt.name, s.Lost, s.Late, s.Concealed)
		}
	}
}

// A resend of what was said before the end, which comes after it, is played.
func TestResendAfterEnd(t *testing.T) {
	c := newCall(Config{})
	c.codec.keep = true
	const way = 60 * time.Millisecond
	c.talk(1, 499, func(n int) time.Duration { // there is time for the resend
		if n%5 == 0 {
			return way + 50*time.Millisecond
		}
		return way
	})
	c.tell(500*FrameDuration+way, 500)
	c.talk(499, 500, steady(way+30*time.Millisecond))
	c.run(9 * time.Second)
	was := c.buffer.Stats() // learning costs a few
	c.run(11 * time.Second)
	last := c.codec.decoded[len(c.codec.decoded)-1]
	if s := c.buffer.Stats(); s.Lost != was.Lost || s.Late != was.Late || last != 499 {
		t.Errorf("played to frame %d, lost %d, late %d", last, s.Lost-was.Lost, s.Late-was.Late)
	}
}
