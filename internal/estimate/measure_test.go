package estimate

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/internal/netsim"
	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/netproto/wire"
)

const ms = time.Millisecond

// growing is a trend above which a queue counts as one that grows, in seconds per second.
const growing = 0.03

// aQueue is how long a queue is that counts.
const aQueue = 60 * ms

// The formulas agree with the channel itself.
func TestChannelAgreesWithSimulation(t *testing.T) {
	for _, tt := range []struct{ p, burst float64 }{{0.1, 4}, {0.2, 4}, {0.05, 2}, {0.3, 8}} {
		link := netsim.Burst(netsim.Bursts(tt.p, tt.burst), 11)
		const n = 400000
		lost := make([]bool, n)
		for i := range lost {
			lost[i] = link.Send(time.Duration(i)*wire.FrameDuration, 100).Copies == 0
		}
		c := NewChannel(tt.p, tt.burst)
		for _, k := range []int{1, 2, 4, 6} {
			var one, both int
			for i := range n - k {
				if lost[i] {
					one++
					if lost[i+k] {
						both++
					}
				}
			}
			truth := float64(both) / float64(one)
			if got := c.Again(time.Duration(k) * wire.FrameDuration); math.Abs(got-truth) > 0.02 {
				t.Errorf("p %v burst %v: again after %d is %.3f, the channel has %.3f", tt.p, tt.burst, k, got, truth)
			}
		}
		var runs, total int
		for i := 1; i < n; i++ {
			if lost[i] {
				total++
				if !lost[i-1] {
					runs++
				}
			}
		}
		measured := float64(total) / float64(runs)
		if got := c.Burst(); math.Abs(got-measured) > 0.15*measured {
			t.Errorf("p %v burst %v: runs of %.2f, measured %.2f", tt.p, tt.burst, got, measured)
		}
		if back := NewChannel(tt.p, measured); math.Abs(back.Memory-c.Memory) > 0.06 {
			t.Errorf("fitted: memory %.3f, want %.3f", back.Memory, c.Memory)
		}
	}
}

func TestChannelHasNoNonsense(t *testing.T) {
	for _, c := range []Channel{NewChannel(0, 0), NewChannel(math.NaN(), 3), NewChannel(1, 100), NewChannel(0.5, 0)} {
		for _, v := range []float64{c.Loss, c.Memory, c.Again(time.Second), c.Burst()} {
			if math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
				t.Errorf("%+v gives %v", c, v)
			}
		}
	}
	s := NewChannel(0.1, 1).Series(NewChannel(0.1, 1))
	if math.Abs(s.Loss-0.19) > 1e-9 || s.Memory != 0 {
		t.Errorf("two times 10 %% in series are %+v", s)
	}
}

func TestQueueSeesCongestionButNotStalls(t *testing.T) {
	run := func(link netsim.Link, size int, seconds int) (worst, last time.Duration, steepest float64) {
		var q Queue
		p := netsim.Pipe{Link: link}
		for now := time.Duration(0); now < time.Duration(seconds)*time.Second; now += ms {
			if now%wire.FrameDuration == 0 {
				d := make([]byte, size)
				d[0], d[1] = byte(now/wire.FrameDuration>>8), byte(now/wire.FrameDuration)
				p.Send(now, d)
			}
			for {
				d, _, ok := p.Receive(now)
				if !ok {
					break
				}
				q.Arrived(now+3*time.Hour, time.Duration(int(d[0])<<8|int(d[1]))*wire.FrameDuration)
			}
			worst = max(worst, q.Delay(now+3*time.Hour))
			if d := q.Delay(now + 3*time.Hour); d > 60*ms {
				steepest = max(steepest, q.Trend(now+3*time.Hour))
			}
			last = q.Delay(now + 3*time.Hour)
		}
		return worst, last, steepest
	}
	// 46 kbit/s into 24: grows by 1-24/46 s per second of arrivals.
	worst, _, trend := run(netsim.Rate(24000, 5*time.Second), 87, 2)
	if worst < 800*ms || math.Abs(trend-0.48) > 0.05 {
		t.Errorf("congestion: queue %v, trend %.2f; want above 800 ms and about 0.48", worst, trend)
	}
	if worst, _, _ := run(netsim.Chain(netsim.Delay(50*ms), netsim.Jitter(netsim.Uniform(0, 40*ms), true, 1)), 87, 30); worst > 45*ms {
		t.Errorf("jitter of 40 ms looks like a queue of %v", worst)
	}
	stalls := netsim.Outage(netsim.OutageTimes{Gap: netsim.Uniform(200*ms, 500*ms), Length: netsim.Uniform(20*ms, 120*ms)}, 4)
	if worst, _, trend := run(netsim.Chain(netsim.Delay(15*ms), stalls), 87, 60); worst > 60*ms && trend >= growing {
		t.Errorf("stalls of up to 120 ms look like a queue of %v with trend %.2f", worst, trend)
	}
	// A path that has become 100 ms longer is no queue for ever.
	longer := netsim.Schedule(netsim.Step{Link: netsim.Delay(50 * ms)}, netsim.Step{From: 5 * time.Second, Link: netsim.Delay(150 * ms)})
	if _, last, _ := run(longer, 87, 70); last > 5*ms {
		t.Errorf("a longer path looks like a queue of %v after a minute", last)
	}
}

// A datagram that was lost on a hop before and sent again comes late to this one as if it were new. Where what followed
// was lost it is the only one for a while: it alone is no queue.
func TestOneLateDatagramIsNoQueue(t *testing.T) {
	const every, way, late = 3 * wire.FrameDuration, 120 * ms, 140 * ms
	for n := 4; n < 12; n++ { // where in the cells it falls
		var q Queue
		sent := time.Duration(0)
		for range n * 10 {
			sent += every
			q.Arrived(sent+way, sent)
		}
		sent += every
		q.Arrived(sent+way+late, sent)
		for now := sent + way + late; now < sent+way+late+every; now += ms {
			if d := q.Delay(now); d >= aQueue {
				t.Fatalf("%v after it: a queue of %v", now-sent-way-late, d)
			}
		}
	}
}

// Where delay wanders by 100 ms it seldom looks like a queue, and not like one that grows as fast as it wanders.
func TestWanderIsHardlyAQueue(t *testing.T) {
	jammed, looks, steepest := 0, 0, 0.0
	for seed := range uint64(5) {
		var q Queue
		link := netsim.Wander(300*ms, 100*ms, 200*ms, 140*ms, seed)
		for n := range 60 * 50 {
			sent := time.Duration(n) * wire.FrameDuration
			at := link.Send(sent, 87).At[0]
			q.Arrived(at, sent)
			if n < 500 || n%15 != 0 {
				continue
			}
			looks++
			if delay, trend := q.Delay(at), q.Trend(at); delay >= aQueue && trend >= growing {
				jammed++
				steepest = max(steepest, trend)
			}
		}
	}
	if jammed*30 > looks || steepest > 0.4 {
		t.Errorf("a queue in %d of %d looks, growing by up to %.2f", jammed, looks, steepest)
	}
}

func TestQueueSurvivesAnything(t *testing.T) {
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var q Queue
		now := time.Duration(rng.Int64N(int64(time.Hour)))
		for range 3000 {
			now += time.Duration(rng.Int64N(int64(60 * ms)))
			if rng.IntN(300) == 0 {
				now += time.Duration(rng.Int64N(int64(time.Hour)))
			}
			q.Arrived(now, time.Duration(rng.Uint32())*wire.FrameDuration)
			if d := q.Delay(now); d < -1 || math.IsNaN(q.Trend(now)) {
				t.Fatalf("delay %v, trend %v", d, q.Trend(now))
			}
		}
	}
}

// A sender whose clock has jumped has no queue.
func TestNewClockIsNoQueue(t *testing.T) {
	var q Queue
	now := time.Hour
	for n := range 200 {
		now += wire.FrameDuration
		sent := now - time.Minute
		if n >= 100 {
			sent = now - 5*time.Minute
		}
		if q.Arrived(now, sent); q.Delay(now) > 0 {
			t.Fatalf("%d datagrams later: a queue of %v", n, q.Delay(now))
		}
	}
}

// One bad second shows, one good second does not, and a single run says little about their length.
func TestFading(t *testing.T) {
	var f Fading
	now := time.Duration(0)
	add := func(seconds, lost, runs int) {
		for range seconds {
			now += time.Second
			f.Add(now, 1, netproto.Outcome{Received: 50 - lost, Lost: lost, Runs: runs})
		}
	}
	add(60, 0, 0)
	add(1, 10, 8)
	if loss := f.Fraction(); loss < 0.05 || loss > 0.15 {
		t.Errorf("%.3f after a second in which a fifth was lost", loss)
	}
	add(30, 10, 8)
	add(10, 0, 0)
	if loss := f.Fraction(); loss < 0.08 || loss > 0.13 {
		t.Errorf("%.3f when 10 s were good after 30 in which a fifth was lost", loss)
	}
	f = Fading{}
	add(5, 0, 0)
	add(1, 4, 1)
	if burst := f.Channel().Burst(); burst < 1.5 || burst > 3 {
		t.Errorf("one run of four makes bursts of %.1f", burst)
	}
}

func TestMeter(t *testing.T) {
	var m Meter
	for now := time.Duration(0); now < 5*time.Second; now += wire.FrameDuration {
		m.Add(now, 100)
	}
	if got := m.Rate(5 * time.Second); math.Abs(float64(got)-40) > 0.1 {
		t.Errorf("%v kbit/s, want 40", got)
	}
	if got := m.Rate(5*time.Second + 500*ms); got != 20 {
		t.Errorf("%v kbit/s half a second later, want 20", got)
	}
	if got := m.Rate(time.Hour); got != 0 {
		t.Errorf("%v kbit/s an hour later", got)
	}
}

func TestMeasuringDoesNotAllocate(t *testing.T) {
	var q Queue
	var f Fading
	now := time.Duration(0)
	if n := testing.AllocsPerRun(1000, func() {
		now += wire.FrameDuration
		q.Arrived(now, now)
		f.Add(now, 1, netproto.Outcome{Received: 49, Lost: 1, Runs: 1})
		_ = q.Trend(now) + f.Fraction()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
