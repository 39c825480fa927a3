package jitter

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestCleanPath(t *testing.T) {
	c := newCall(Config{})
	c.codec.keep = true
	c.talk(1, 1500, steady(2*time.Millisecond))
	c.run(30 * time.Second)
	for i, n := range c.codec.decoded {
		if n != uint32(i+1) {
			t.Fatalf("frame %d is decoded as the %dth", n, i+1)
		}
	}
	if s := c.buffer.Stats(); s.Concealed != 0 || s.Lost != 0 || s.Late != 0 {
		t.Errorf("concealed %v, lost %d, late %d on a clean path", s.Concealed, s.Lost, s.Late)
	}
	wantBelow(t, "delay", c.delay(20*time.Second, 30*time.Second), 22*time.Millisecond)
}

// Datagrams of many frames are not late because they take long to fill: nothing is invented, the speed stays,
// and the delay is that of the first frame of a datagram.
func TestLongDatagrams(t *testing.T) {
	for stride := 1; stride <= 6; stride++ {
		for _, jitter := range []time.Duration{0, 6 * time.Millisecond} {
			c := newCall(Config{})
			way := jittered(rand.New(rand.NewPCG(1, 2)), 40*time.Millisecond, jitter)
			for n := stride; n < 3000; n += stride {
				var fs []Frame
				for k := range stride {
					fs = append(fs, fakeFrame(uint32(n-k)))
				}
				c.sent = append(c.sent, datagram{time.Duration(n+1)*FrameDuration + way(n), fs})
			}
			c.run(59 * time.Second)
			from := 15 * time.Second
			fill := time.Duration(stride-1) * FrameDuration
			wantBelow(t, fmt.Sprintf("stride %d, jitter %v: invented", stride, jitter), c.share(Concealed, from, time.Minute), 0.001)
			wantBelow(t, fmt.Sprintf("stride %d, jitter %v: delay", stride, jitter), c.delay(from, time.Minute), fill+jitter+55*time.Millisecond)
		}
	}
}

func TestAnyBlockSize(t *testing.T) {
	for _, block := range []int{1, 48, 441, 512, 960, 1024, 4800} {
		c := newCall(Config{})
		c.block = block
		c.talk(1, 1000, jittered(rand.New(rand.NewPCG(1, 1)), 30*time.Millisecond, 10*time.Millisecond))
		c.run(20 * time.Second)
		t.Log("block of", block)
		wantBelow(t, "concealed share", c.share(Concealed, 5*time.Second, 20*time.Second), 0.002)
		wantBelow(t, "delay", c.delay(10*time.Second, 20*time.Second), 70*time.Millisecond+duration(2*int64(block)))
	}
}

func TestLossIsConcealedOnce(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	c := newCall(Config{})
	lost := 0
	c.talk(1, 3000, func(n int) time.Duration {
		if n > 500 && r.IntN(20) == 0 {
			lost++
			return -1
		}
		return 60*time.Millisecond + time.Duration(r.IntN(8))*time.Millisecond
	})
	c.run(60 * time.Second)
	share := float64(lost) / 2500
	if got := c.share(Concealed, 10*time.Second, 60*time.Second); got > share*1.1 || got < share*0.9 {
		t.Errorf("concealed %.4f of the speech, lost were %.4f of the frames", got, share)
	}
	waited := 0 // for a frame that does not come, where the decoder would do better
	for _, s := range c.segments {
		if s.Kind == Concealed && s.Len == 0 {
			waited += s.Out
		}
	}
	wantBelow(t, "waiting", duration(int64(waited)), time.Duration(lost)*2500*time.Microsecond)
	if s := c.buffer.Stats(); s.Lost < uint64(lost)-3 || s.Lost > uint64(lost)+3 {
		t.Errorf("counted %d lost, %d were", s.Lost, lost)
	}
}

func TestReordered(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	c := newCall(Config{})
	c.codec.keep = true
	c.talk(1, 3000, func(int) time.Duration {
		if r.IntN(7) == 0 {
			return 70*time.Millisecond + time.Duration(15+r.IntN(45))*time.Millisecond
		}
		return 70 * time.Millisecond
	})
	c.run(60 * time.Second)
	if !slices.IsSorted(c.codec.decoded) {
		t.Error("frames are decoded out of order")
	}
	wantBelow(t, "concealed share", c.share(Concealed, 10*time.Second, 60*time.Second), 0.015)
}

// Whatever was lost comes again with a later datagram, and is not heard as lost.
func TestCopies(t *testing.T) {
	for _, test := range []struct{ stride, copies int }{{1, 1}, {1, 4}, {3, 1}, {2, 3}} {
		r := rand.New(rand.NewPCG(4, 4))
		c := newCall(Config{})
		lostBefore := false
		for n := test.stride; n < 3000; n += test.stride {
			lostNow := r.IntN(10) == 0 && !lostBefore
			lostBefore = lostNow
			if lostNow || r.IntN(1000) == 0 {
				continue
			}
			var frames []Frame
			for i := range test.stride {
				frames = append(frames, fakeFrame(uint32(n-i)))
			}
			for i := range test.stride {
				if k := n - test.copies*test.stride - i; k > 0 {
					frames = append(frames, fakeFrame(uint32(k)))
				}
			}
			at := time.Duration(n+1)*FrameDuration + 40*time.Millisecond + time.Duration(r.IntN(5))*time.Millisecond
			c.sent = append(c.sent, datagram{at, frames})
		}
		c.run(60 * time.Second)
		t.Logf("stride %d, copies {%d}", test.stride, test.copies)
		wantBelow(t, "concealed share", c.share(Concealed, 20*time.Second, 60*time.Second), 0.02)
		if c.share(Redundant, 20*time.Second, 60*time.Second) < 0.05 {
			t.Errorf("stride %d, copies %d: copies are not played", test.stride, test.copies)
		}
		extra := time.Duration((test.copies+1)*test.stride-1) * FrameDuration
		wantBelow(t, "delay", c.delay(20*time.Second, 60*time.Second), 65*time.Millisecond+extra)
	}
}

// Many copies at once are no queue: they are waited for, and the delay stays the same.
func TestManyCopiesAreNoQueue(t *testing.T) {
	for _, stride := range []int{2, 3, 4} {
		r := rand.New(rand.NewPCG(5, 4))
		c := newCall(Config{})
		gone := 0.0
		for n, lost := stride, 0; n < 3000; n += stride {
			if lost++; r.IntN(5) == 0 {
				if lost > 2 {
					gone += float64(stride) / 3000
				}
				continue
			}
			lost = 0
			var frames []Frame
			for i := range 3 * stride { // copies {1,2}
				if k := n - i; k > 0 {
					frames = append(frames, fakeFrame(uint32(k)))
				}
			}
			at := time.Duration(n+1)*FrameDuration + 40*time.Millisecond + time.Duration(r.IntN(5))*time.Millisecond
			c.sent = append(c.sent, datagram{at, frames})
		}
		c.run(60 * time.Second)
		from, whole := 15*time.Second, 40*time.Millisecond+time.Duration(3*stride-1)*FrameDuration
		wantBelow(t, fmt.Sprintf("stride %d: concealed", stride), c.share(Concealed, from, time.Minute), gone+0.01)
		wantBelow(t, fmt.Sprintf("stride %d: delay", stride), c.delay(from, time.Minute), whole+25*time.Millisecond)
	}
}

func TestFECIsWaitedFor(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	c := newCall(Config{})
	c.codec.fec = true
	c.talk(1, 3000, func(int) time.Duration {
		if r.IntN(20) == 0 {
			return -1
		}
		return 30 * time.Millisecond
	})
	c.run(60 * time.Second)
	wantBelow(t, "concealed share", c.share(Concealed, 20*time.Second, 60*time.Second), 0.006)
	wantBelow(t, "delay", c.delay(20*time.Second, 60*time.Second), 75*time.Millisecond)
}

func TestTalkspurts(t *testing.T) {
	c := newCall(Config{})
	for n := 100; n < 3000; n += 100 {
		c.talk(n, n+40, steady(30*time.Millisecond))
		c.sent = append(c.sent, datagram{time.Duration(n+41)*FrameDuration + 30*time.Millisecond, []Frame{{Number: uint32(n + 40)}}})
	}
	c.run(60 * time.Second)
	s := c.buffer.Stats()
	if s.Concealed != 0 || s.Lost != 0 {
		t.Errorf("concealed %v and lost %d where the talker was silent", s.Concealed, s.Lost)
	}
	if want := 29 * 40 * FrameDuration; s.Decoded < want-200*time.Millisecond || s.Decoded > want+100*time.Millisecond {
		t.Errorf("decoded %v of %v", s.Decoded, want)
	}
	if c.buffer.Active() {
		t.Error("active in the silence after a talkspurt")
	}
}

func TestCeiling(t *testing.T) {
	c := newCall(Config{MaxDelay: 200 * time.Millisecond})
	c.talk(1, 100, steady(30*time.Millisecond))
	c.talk(100, 150, func(n int) time.Duration { return time.Duration(150-n)*FrameDuration + 30*time.Millisecond })
	c.talk(150, 300, steady(30*time.Millisecond))
	out := make([]float32, 480)
	for now := time.Duration(0); now < 6*time.Second; now += 10 * time.Millisecond {
		for len(c.sent) > 0 && c.sent[0].at <= now {
			c.buffer.Push(c.sent[0].at, c.sent[0].frames)
			c.sent = c.sent[1:]
			wantBelow(t, "speech held", c.buffer.Stats().Held, 200*time.Millisecond+FrameDuration)
		}
		c.buffer.Pull(now, out)
	}
}

func TestRestart(t *testing.T) {
	c := newCall(Config{})
	c.talk(5000, 5500, steady(30*time.Millisecond))
	for i := range c.sent {
		c.sent[i].at -= 5000 * FrameDuration
	}
	first := len(c.sent)
	c.talk(1, 500, steady(30*time.Millisecond))
	for i := range c.sent[first:] {
		c.sent[first+i].at += 500 * FrameDuration
	}
	c.run(20 * time.Second)
	s := c.buffer.Stats()
	if s.Restarts != 1 {
		t.Errorf("%d restarts seen, there was 1", s.Restarts)
	}
	wantBelow(t, "concealed share", c.share(Concealed, 0, 20*time.Second), 0.01)
	if s.Decoded < 19*time.Second {
		t.Errorf("only %v of 20 s decoded", s.Decoded)
	}
}

func TestNumbersWrap(t *testing.T) {
	c := newCall(Config{})
	for n := range 1000 {
		number := uint32(n) - 500
		c.sent = append(c.sent, datagram{time.Duration(n+1)*FrameDuration + 30*time.Millisecond, []Frame{fakeFrame(number)}})
	}
	c.run(20 * time.Second)
	if s := c.buffer.Stats(); s.Concealed > 100*time.Millisecond || s.Restarts != 0 || s.Decoded < 19*time.Second {
		t.Errorf("after the wrap: %+v", s)
	}
}

func TestResend(t *testing.T) {
	c := newCall(Config{})
	c.talk(1, 200, func(n int) time.Duration {
		switch {
		case n == 150:
			return -1
		case n%10 == 0:
			return 90 * time.Millisecond
		}
		return 30 * time.Millisecond
	})
	// Frame 150 is asked for as soon as 151 is there; it comes 25 ms after its time.
	asked := 152*FrameDuration + 30*time.Millisecond
	c.run(asked + 5*time.Millisecond)
	lost := c.buffer.Stats().Lost
	due := 150*FrameDuration + duration(c.buffer.delay())
	if left := due - asked; left < 10*time.Millisecond {
		t.Fatalf("%v left", left)
	}
	arrives := due + 25*time.Millisecond
	c.buffer.Expect(asked, 150, arrives-asked)
	c.sent = append(c.sent, datagram{arrives, []Frame{fakeFrame(150)}})
	c.run(4 * time.Second)
	if s := c.buffer.Stats(); s.Lost != lost || s.Repaired != 1 {
		t.Errorf("lost %d, repaired %d; want %d and 1", s.Lost, s.Repaired, lost)
	}
}

// A talker whose numbers go back by less than a minute, as no network makes them, is heard again after 2 s.
func TestNumbersGoBack(t *testing.T) {
	c := newCall(Config{})
	for n := range 2000 {
		number := uint32(n + 5000)
		if n >= 1000 {
			number -= 400
		}
		c.sent = append(c.sent, datagram{time.Duration(n+1)*FrameDuration + 30*time.Millisecond, []Frame{fakeFrame(number)}})
	}
	c.run(40 * time.Second)
	if s := c.buffer.Stats(); s.Restarts != 1 || s.Decoded < 37*time.Second {
		t.Errorf("%d restarts, %v of 40 s decoded", s.Restarts, s.Decoded)
	}
}

// A talker whose numbers leap forward, as no network makes them, begins anew: nothing of the leap is made up or learned.
func TestNumbersLeapForward(t *testing.T) {
	c := newCall(Config{})
	for n := range 2000 {
		number := uint32(n + 5000)
		if n >= 1000 {
			number += 1500 // 30 s
		}
		c.sent = append(c.sent, datagram{time.Duration(n+1)*FrameDuration + 30*time.Millisecond, []Frame{fakeFrame(number)}})
	}
	c.run(21 * time.Second)
	s := c.buffer.Stats()
	t.Logf("%+v", s)
	c.run(40 * time.Second)
	t.Logf("%+v", c.buffer.Stats())
	if s := c.buffer.Stats(); s.Restarts != 1 || s.Lost > 0 || s.Concealed > 0 {
		t.Errorf("%d restarts, lost %d, %v made up", s.Restarts, s.Lost, s.Concealed)
	}
}
