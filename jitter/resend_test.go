package jitter

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/internal/emodel"
)

// lossy is a path of 60 ms with 4 ms of jitter that loses datagrams in bursts of a mean length, and
// whose losses are mended.
type lossy struct {
	loss, burst float64       // share, and mean length in frames: 1 for independent loss
	until       int           // frame after which nothing is lost
	again       time.Duration // from a gap being seen until a resend arrives, 0 for none
	stride      int           // frames per datagram
	copies      int           // datagrams from a frame to its copy, 0 for none
}

// talk sends frames 1 to n-1 and returns how long after being full each came first, less than 0 for
// never. Of the resends 90 % arrive; where one does not, there is a second, a quarter later.
func (l lossy) talk(c *call, n int, r *rand.Rand) []time.Duration {
	lateness := make([]time.Duration, n)
	for i := range lateness {
		lateness[i] = -1
	}
	arrive := func(at time.Duration, numbers ...int) {
		var frames []Frame
		for _, i := range numbers {
			if i < 1 {
				continue
			}
			frames = append(frames, fakeFrame(uint32(i)))
			if d := at - time.Duration(i+1)*FrameDuration; lateness[i] < 0 || d < lateness[i] {
				lateness[i] = d
			}
		}
		c.sent = append(c.sent, datagram{at, frames})
	}
	leave := float64(l.stride) / l.burst // chance that a burst ends with the next datagram
	enter := leave * l.loss / (1 - l.loss)
	var gap []int
	bad, last := false, time.Duration(0)
	for i := l.stride; i < n; i += l.stride {
		chance := enter
		if bad {
			chance = 1 - leave
		}
		bad = r.Float64() < chance && i < l.until
		if l.burst == 1 {
			bad = r.Float64() < l.loss && i < l.until
		}
		if bad {
			gap = append(gap, i)
			continue
		}
		at := time.Duration(i+1)*FrameDuration + 60*time.Millisecond + time.Duration(max(-10, 4*r.NormFloat64())*1e6)
		at = max(at, last)
		last = at
		var numbers []int
		for k := range l.stride {
			numbers = append(numbers, i-k)
		}
		for k := range l.stride {
			if l.copies > 0 {
				numbers = append(numbers, i-l.copies*l.stride-k)
			}
		}
		arrive(at, numbers...)
		for _, g := range gap {
			when := at
			for try := range 2 {
				when += l.again + time.Duration(try)*(l.again/4) + time.Duration(r.IntN(6))*time.Millisecond
				if l.again > 0 && r.Float64() < 0.9 {
					arrive(when, g)
					break
				}
			}
		}
		gap = gap[:0]
	}
	return lateness
}

// price is what the E-model takes for a delay, from full frames to playback, and a share of frames
// that are missing.
func price(delay time.Duration, missing float64) float64 {
	return emodel.Delay(delay+FrameDuration) + emodel.LossPrice(missing)
}

// best is the constant delay that costs least.
func best(lateness []time.Duration) (delay time.Duration, missing, cost float64) {
	cost = 1e9
	for d := 60 * time.Millisecond; d < 560*time.Millisecond; d += 5 * time.Millisecond {
		late := 0
		for _, l := range lateness {
			if l < 0 || l > d {
				late++
			}
		}
		m := float64(late) / float64(len(lateness))
		if p := price(d+5*time.Millisecond, m); p < cost { // 5 ms for the blocks of playout
			delay, missing, cost = d+5*time.Millisecond, m, p
		}
	}
	return delay, missing, cost
}

// What is mended regularly is waited for, whether it is resent or copied, soon after the call has
// begun, and nearly as well as by who knew the best delay for the whole call. When the loss is over
// the delay comes back.
func TestMendedLossIsWaitedFor(t *testing.T) {
	const length, lossless = 30, 42 // s
	for _, l := range []lossy{
		{loss: .05, burst: 1, again: 65e6, stride: 1}, {loss: .1, burst: 1, again: 65e6, stride: 1}, {loss: .2, burst: 1, again: 65e6, stride: 1},
		{loss: .05, burst: 1, again: 130e6, stride: 1}, {loss: .1, burst: 1, again: 130e6, stride: 1}, {loss: .2, burst: 1, again: 130e6, stride: 1},
		{loss: .1, burst: 4, again: 65e6, stride: 1}, {loss: .2, burst: 4, again: 65e6, stride: 1},
		{loss: .1, burst: 4, again: 130e6, stride: 1}, {loss: .2, burst: 4, again: 130e6, stride: 1},
		{loss: .1, burst: 1, stride: 2, copies: 3}, {loss: .2, burst: 1, stride: 2, copies: 4},
		{loss: .1, burst: 4, stride: 2, copies: 3}, {loss: .2, burst: 4, stride: 2, copies: 4},
	} {
		var excess, early, bestEarly float64
		const seeds = 8
		for seed := range uint64(seeds) {
			l.until = length * 50
			c := newCall(Config{})
			c.buffer.SetPathDelay(60 * time.Millisecond)
			lateness := l.talk(c, lossless*50, rand.New(rand.NewPCG(seed, 9)))
			c.run(lossless * time.Second)
			share := func(from, to time.Duration) float64 { return c.share(Concealed, from*time.Second, to*time.Second) }
			d, missing := c.delay(3*time.Second, length*time.Second), share(3, length)
			bestD, bestMissing, cost := best(lateness[150 : length*50])
			t.Logf("%+v: %v and %.1f %% missing, price %.1f; best %v and %.1f %%, price %.1f", l,
				d.Round(time.Millisecond), 100*missing, price(d, missing), bestD, 100*bestMissing, cost)
			excess += (price(d, missing) - cost) / seeds
			early += share(3, 6) / seeds
			bestEarly += bestMissing / seeds
			wantBelow(t, "delay 10 to 12 s after the loss", c.delay((length+10)*time.Second, lossless*time.Second), 100*time.Millisecond+time.Duration(l.stride-1)*FrameDuration)
		}
		t.Logf("%+v: %.1f above the best, missing from 3 to 6 s %.1f %%", l, excess, 100*early)
		wantBelow(t, "price above that of the best constant delay", excess, 11)
		wantBelow(t, "missing from 3 to 6 s", early, bestEarly+0.04)
	}
}

// The same through Expect: what is lost is asked for when the next frame has come, and is here 90 ms later.
func TestResendsAreAwaitedAndHeard(t *testing.T) {
	c := newCall(Config{})
	r := rand.New(rand.NewPCG(3, 9))
	lateness := lossy{loss: .1, burst: 1, until: 1 << 30, stride: 1}.talk(c, 1500, r)
	for n, l := range lateness {
		if n == 0 || l >= 0 {
			continue
		}
		asked := time.Duration(n+2)*FrameDuration + 65*time.Millisecond
		c.run(asked)
		c.buffer.Expect(asked, uint32(n), 90*time.Millisecond)
		c.sent = append(c.sent, datagram{asked + 90*time.Millisecond, []Frame{fakeFrame(uint32(n))}})
	}
	c.run(30 * time.Second)
	wantBelow(t, "concealed share", c.share(Concealed, 3*time.Second, 30*time.Second), 0.01)
	wantBelow(t, "delay", c.delay(3*time.Second, 30*time.Second), 220*time.Millisecond)
}

// What is promised of a frame that is here, or of one that makes no sense, takes nobody's place.
func TestExpectTakesNobodysPlace(t *testing.T) {
	var f frames
	f.init(25)
	f.start(1)
	for n := range int64(40) {
		f.put(0, n+1, []byte{1}, false, inOrder)
	}
	for n := int64(-200); n < 200; n++ {
		f.expect(n, 5)
	}
	for n := int64(1); n < 200; n++ {
		if here, promised := f.get(n) != nil, f.expected(n) != 0; here != (n <= 40) || promised != (n > 40 && n <= 40+3*maxStride) {
			t.Errorf("frame %d: here %v, promised %v", n, here, promised)
		}
	}
}
