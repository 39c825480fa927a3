package jitter

import (
	"math/rand/v2"
	"testing"
	"time"
)

// When all of a clump is here and the network is as quick again, nothing more is waited for.
func TestAWholeClumpIsNotWaitedFor(t *testing.T) {
	c := newCall(Config{})
	c.talk(1, 1500, func(n int) time.Duration {
		if n >= 1000 && n < 1040 {
			return time.Duration(1040-n)*FrameDuration + 30*time.Millisecond
		}
		return 30 * time.Millisecond
	})
	c.run(25 * time.Second)
	whole := 1041*FrameDuration + 30*time.Millisecond // all of it has come, and the first one in time
	for _, s := range c.segments {
		if at := duration(s.at); s.Kind == Decoded && at >= 1010*FrameDuration+60*time.Millisecond {
			wantBelow(t, "speech goes on after the clump", at-whole, 20*time.Millisecond)
			return
		}
	}
}

// While the network is stuck, what is here is played slower before it runs out, unless it lasts longer than the network
// was ever stuck.
func TestSpeechIsSlowedDownInAStall(t *testing.T) {
	for _, tt := range []struct {
		overdue, here int64 // ticks, frames
		want          operation
	}{{1, 0, faster}, {3, 0, slower}, {3, 5, slower}, {3, 20, faster}} {
		b := New(&fakeCodec{}, Config{})
		b.model.learn(2000, func(n int64) (int64, order) { return n % 50 / 49 * 60, inOrder })
		b.frames.start(0)
		b.frames.highest, b.frames.next, b.block = 100, 101-tt.here, 480
		b.pulled = 101*FrameSize + b.model.queue + tt.overdue*tick
		b.aim.delay = b.delay() - b.spare() // the wanted one
		if got := b.speed(); got != tt.want {
			t.Errorf("%d ticks overdue with %d frames here: operation %d, want %d", tt.overdue, tt.here, got, tt.want)
		}
	}
}

// After a pause another queue stands there: it is no lateness to be learned, and what comes is heard.
func TestAfterAPauseTheQueueIsAnother(t *testing.T) {
	c := newCall(Config{})
	way := func(n int) time.Duration {
		if n/200%2 == 1 {
			return 280 * time.Millisecond
		}
		return 30 * time.Millisecond
	}
	for from := 0; from < 4000; from += 200 { // 1.5 s of speech, 2.5 s of silence
		c.talk(from+1, from+75, way)
		n := from + 75
		c.sent = append(c.sent, datagram{time.Duration(n+1)*FrameDuration + way(n), []Frame{{Number: uint32(n)}}})
	}
	c.run(80 * time.Second)
	s := c.buffer.Stats()
	t.Logf("%+v", s)
	wantBelow(t, "target", s.Target, 20*time.Millisecond)
	wantBelow(t, "made up", s.Concealed, 100*time.Millisecond)
}

// A queue that stays is the new least delay after some seconds, and no longer one that may be growing.
func TestAQueueThatStaysIsNoQueue(t *testing.T) {
	var m delayModel
	m.reset()
	for n := range int64(2000) {
		delay := int64(30 * SampleRate / 1000)
		if n >= 500 {
			delay *= 3
		}
		m.arrived(n*FrameSize+delay, n, inOrder)
		if n == 550 && m.standing() < 40*SampleRate/1000 {
			t.Errorf("a second after it rose by 60 ms the queue is %.0f samples above the least", m.standing())
		}
	}
	if m.standing() > 0 {
		t.Errorf("25 s later the queue is still %.0f samples above the least", m.standing())
	}
}

// The background is learned from the quietest frame of late, and fades away while its talker is away.
func TestTheBackgroundIsOfLate(t *testing.T) {
	var n noise
	frame := func(level float32) []float32 {
		x := make([]float32, FrameSize)
		for i := range x {
			x[i] = level * float32(1-i%2*2)
		}
		return x
	}
	learn := func(level float32, frames int) {
		for range frames {
			n.learn(frame(level), level*level)
		}
	}
	learn(0.001, 50)
	learn(0.004, 30*50)
	if n.power < 0.9*0.004*0.004 {
		t.Errorf("after 30 s with a louder background that of before is imitated, power %g", n.power)
	}
	n.wake()
	for s := 1; s <= 15; s++ {
		n.add(make([]float32, SampleRate), 1, 1)
		if silent := n.silent(); s == 3 && silent || s == 15 && !silent {
			t.Errorf("after %d s without the talker the background is silent: %v", s, silent)
		}
	}
}

// Where nothing is ever late, what is missing is lost: it is not waited for.
func TestWhereNothingIsLateNothingIsAwaited(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	c := newCall(Config{})
	c.talk(1, 3000, func(n int) time.Duration {
		if n > 500 && r.IntN(20) == 0 {
			return -1
		}
		return 30 * time.Millisecond
	})
	c.run(60 * time.Second)
	waited := 0
	for _, s := range c.segments {
		if s.Kind == Concealed && s.Len == 0 && duration(s.at) > 15*time.Second {
			waited += s.Out
		}
	}
	wantBelow(t, "waiting", duration(int64(waited)), 200*time.Millisecond)
}

// A talker of whom nothing comes any more, not even an end, is waited for as long as speech may be held back.
func TestATalkerWhoVanishesIsNotAwaitedForEver(t *testing.T) {
	c := newCall(Config{})
	c.talk(1, 500, func(int) time.Duration { return 30 * time.Millisecond })
	c.run(10*time.Second + 300*time.Millisecond)
	if !c.buffer.Active() {
		t.Error("given up after 0.3 s")
	}
	c.run(11 * time.Second)
	if c.buffer.Active() {
		t.Error("still awaited after a second")
	}
}

// Where so far there was only loss, a stall is known by two datagrams that are overdue: no more is given up.
func TestAStallIsKnownByTwoDatagramsOverdue(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 4))
	c := newCall(Config{})
	c.talk(1, 1000, func(int) time.Duration {
		if r.IntN(10) == 0 {
			return -1
		}
		return way
	})
	c.talk(1000, 1012, func(n int) time.Duration { return way + filled(1011) - filled(n) })
	c.talk(1012, 1100, steady(way))
	c.run(filled(990))
	was := c.buffer.Stats().Late
	c.run(22 * time.Second)
	wantBelow(t, "frames that came after they were given up", c.buffer.Stats().Late-was, 2)
}

// Whoever asks for more than five seconds gets five, and who asks for nothing half a second.
func TestTheMostThatIsHeldBack(t *testing.T) {
	for asked, want := range map[time.Duration]time.Duration{
		0:               500 * time.Millisecond,
		time.Second:     time.Second,
		5 * time.Second: 5 * time.Second,
		time.Hour:       5 * time.Second,
	} {
		if got := duration(New(&fakeCodec{}, Config{MaxDelay: asked}).max); got != want {
			t.Errorf("asked for %v: %v, want %v", asked, got, want)
		}
	}
}
