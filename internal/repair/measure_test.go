package repair

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/internal/netsim"
)

func TestLossLooksBackOverASpan(t *testing.T) {
	var l Loss
	for i := range 500 { // 10 s; loss of one in ten during the first 8 s
		now := time.Duration(i) * FrameDuration
		if i%10 == 0 && i < 400 {
			l.Lost(now, 1)
		} else {
			l.Received(now)
		}
	}
	now := 500 * FrameDuration
	if got := l.Over(now, time.Second).Fraction(); got != 0 {
		t.Errorf("loss of the last second %v, want 0", got)
	}
	if got := l.Over(now, LossMemory).Fraction(); math.Abs(got-0.075) > 0.01 {
		t.Errorf("loss of the last 8 s %v, want 0.075", got)
	}
	if got := l.Over(now+LossMemory, LossMemory); got != (Losses{}) {
		t.Errorf("%+v are remembered for too long", got)
	}
	l.Found(now + time.Minute)
	if got := l.Over(now+time.Minute, time.Second); got.Lost != 0 {
		t.Errorf("negative loss: %+v", got)
	}
}

// The formulas agree with the channel itself.
func TestChannelAgreesWithSimulation(t *testing.T) {
	for _, tt := range []struct{ p, burst float64 }{{0.1, 4}, {0.2, 4}, {0.05, 2}, {0.3, 8}} {
		link := netsim.Burst(netsim.Bursts(tt.p, tt.burst), 11)
		const n = 400000
		lost := make([]bool, n)
		for i := range lost {
			lost[i] = link.Send(time.Duration(i)*FrameDuration, 100).Copies == 0
		}
		c := NewChannel(tt.p, tt.burst, 1)
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
			if got := c.Again(time.Duration(k) * FrameDuration); math.Abs(got-truth) > 0.02 {
				t.Errorf("p %v burst %v: again after %d is %.3f, the channel has %.3f", tt.p, tt.burst, k, got, truth)
			}
		}
		for _, stride := range []int{1, 2, 3} {
			var runs, total int
			for i := stride; i < n; i += stride {
				if lost[i] {
					total++
					if !lost[i-stride] {
						runs++
					}
				}
			}
			measured := float64(total) / float64(runs)
			if got := c.Burst(stride); math.Abs(got-measured) > 0.15*measured {
				t.Errorf("p %v burst %v stride %d: runs of %.2f, measured %.2f", tt.p, tt.burst, stride, got, measured)
			}
			back := NewChannel(tt.p, measured, stride)
			if math.Abs(back.Memory-c.Memory) > 0.06 {
				t.Errorf("fitted at stride %d: memory %.3f, want %.3f", stride, back.Memory, c.Memory)
			}
		}
	}
}

func TestChannelHasNoNonsense(t *testing.T) {
	for _, c := range []Channel{NewChannel(0, 0, 0), NewChannel(math.NaN(), 3, 1), NewChannel(1, 100, 1), NewChannel(0.5, 0, 6)} {
		for _, v := range []float64{c.Loss, c.Memory, c.Again(time.Second), c.Burst(3)} {
			if math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
				t.Errorf("%+v gives %v", c, v)
			}
		}
	}
	s := NewChannel(0.1, 1, 1).Series(NewChannel(0.1, 1, 1))
	if math.Abs(s.Loss-0.19) > 1e-9 || s.Memory != 0 {
		t.Errorf("two times 10 %% in series are %+v", s)
	}
}

func TestQueueSeesCongestionButNotStalls(t *testing.T) {
	run := func(link netsim.Link, size int, seconds int) (worst, last time.Duration, steepest float64) {
		var q Queue
		p := netsim.Pipe{Link: link}
		for now := time.Duration(0); now < time.Duration(seconds)*time.Second; now += ms {
			if now%FrameDuration == 0 {
				d := make([]byte, size)
				d[0], d[1] = byte(now/FrameDuration>>8), byte(now/FrameDuration)
				p.Send(now, d)
			}
			for {
				d, _, ok := p.Receive(now)
				if !ok {
					break
				}
				q.Arrived(now+3*time.Hour, time.Duration(int(d[0])<<8|int(d[1]))*FrameDuration)
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
	if worst, _, trend := run(netsim.Chain(netsim.Delay(15*ms), stalls), 87, 60); worst > 60*ms && trend >= jammedTrend {
		t.Errorf("stalls of up to 120 ms look like a queue of %v with trend %.2f", worst, trend)
	}
	// A path that has become 100 ms longer is no queue for ever.
	longer := netsim.Schedule(netsim.Step{Link: netsim.Delay(50 * ms)}, netsim.Step{From: 5 * time.Second, Link: netsim.Delay(150 * ms)})
	if _, last, _ := run(longer, 87, 70); last > 5*ms {
		t.Errorf("a longer path looks like a queue of %v after a minute", last)
	}
}

// Where delay wanders by 100 ms it seldom looks like a queue, and not like one that grows as fast as it wanders.
func TestWanderIsHardlyAQueue(t *testing.T) {
	jammed, looks, steepest := 0, 0, 0.0
	for seed := range uint64(5) {
		var q Queue
		link := netsim.Wander(300*ms, 100*ms, 200*ms, 140*ms, seed)
		for n := range 60 * 50 {
			sent := time.Duration(n) * FrameDuration
			at := link.Send(sent, 87).At[0]
			q.Arrived(at, sent)
			if n < 500 || n%15 != 0 {
				continue
			}
			looks++
			if delay, trend := q.Delay(at), q.Trend(at); delay >= jammedQueue && trend >= jammedTrend {
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
			q.Arrived(now, time.Duration(rng.Uint32())*FrameDuration)
			if d := q.Delay(now); d < 0 || math.IsNaN(q.Trend(now)) {
				t.Fatalf("delay %v, trend %v", d, q.Trend(now))
			}
		}
	}
}

func TestPacerHoldsTheCapOverAnySecond(t *testing.T) {
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 2))
		kbps := 12 + rng.IntN(60)
		var p Pacer
		p.SetCap(0, kbps)
		type sent struct {
			at    time.Duration
			bytes int
		}
		var log []sent
		now := time.Duration(0)
		for range 20000 {
			now += time.Duration(rng.Int64N(int64(15 * ms)))
			if rng.IntN(500) == 0 {
				now += time.Duration(rng.Int64N(int64(3 * time.Second)))
			}
			size := 20 + rng.IntN(400)
			room := p.Room(now, 0)
			if ok := p.Send(now, size, Reserve{}); ok {
				if size > room {
					t.Fatalf("let out %d bytes with room for %d", size, room)
				}
				log = append(log, sent{now, size})
			}
		}
		sum, from := 0, 0
		for i := range log {
			sum += log[i].bytes
			for log[i].at-log[from].at >= time.Second {
				sum -= log[from].bytes
				from++
			}
			if sum*8 > kbps*1000 {
				t.Fatalf("%d bit in a second, cap %d kbit/s", sum*8, kbps)
			}
		}
		if len(log) < 100 {
			t.Fatalf("only %d datagrams went out", len(log))
		}
	}
}

// Whatever else wants to be sent, voice that was reserved for goes.
func TestPacerKeepsRoomForVoice(t *testing.T) {
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 3))
		var p Pacer
		p.SetCap(0, 24)
		every := time.Duration(1+rng.IntN(6)) * FrameDuration
		voice := int(every * 2200 / time.Second) // bytes: 17.6 kbit/s
		others, next := 0, time.Duration(0)
		for now := time.Duration(0); now < 20*time.Second; now += time.Millisecond {
			if now >= next {
				if !p.Send(now, voice, Reserve{}) {
					t.Fatalf("seed %d: no room for voice at %v", seed, now)
				}
				next += every
			}
			if rng.IntN(10) == 0 && p.Send(now, 40+rng.IntN(200), Reserve{Bytes: voice, Next: next - now, Every: every}) {
				others++
			}
		}
		if others < 20 {
			t.Errorf("seed %d: only %d others went out", seed, others)
		}
	}
}

func TestMeter(t *testing.T) {
	var m Meter
	for now := time.Duration(0); now < 5*time.Second; now += FrameDuration {
		m.Add(now, 100)
	}
	if got := m.Kbps(5 * time.Second); math.Abs(got-40) > 0.1 {
		t.Errorf("%v kbit/s, want 40", got)
	}
	if bytes, n := m.LastSecond(5*time.Second + 500*ms); bytes != 2500 || n != 25 {
		t.Errorf("%d bytes in %d datagrams half a second later", bytes, n)
	}
	if got := m.Kbps(time.Hour); got != 0 {
		t.Errorf("%v kbit/s an hour later", got)
	}
}

func TestScheduleIsLazyWhenCleanAndQuickWhenNot(t *testing.T) {
	var s Schedule
	var sent []time.Duration
	count := func(from, to time.Duration) (n int) {
		for _, at := range sent {
			if at >= from && at < to {
				n++
			}
		}
		return n
	}
	const second = time.Second
	for now := time.Duration(0); now < 40*second; now += 20 * ms {
		mood := Calm
		if now >= 10*second+500*ms && now < 15*second {
			mood = Lossy
		}
		if now >= 20*second && now < 21*second {
			mood = Jammed
		}
		if s.Due(now, mood) {
			if len(sent) > 0 && now-sent[len(sent)-1] < ReportJammed {
				t.Errorf("reports %v apart", now-sent[len(sent)-1])
			}
			sent = append(sent, now)
		}
	}
	for _, tt := range []struct {
		from, to    time.Duration
		least, most int
	}{
		{0, 10 * second, 5, 6},
		{10*second + 500*ms, 10*second + 520*ms, 1, 1}, // at once
		{11 * second, 15 * second, 3, 4},
		{20 * second, 21 * second, 3, 4},
		{30 * second, 40 * second, 5, 6},
	} {
		if n := count(tt.from, tt.to); n < tt.least || n > tt.most {
			t.Errorf("%d reports from %v to %v, want %d to %d", n, tt.from, tt.to, tt.least, tt.most)
		}
	}
}

func TestSpread(t *testing.T) {
	for _, tt := range []struct {
		values        []uint8
		worst, median uint8
	}{{nil, 0, 0}, {[]uint8{7}, 7, 7}, {[]uint8{0, 200}, 200, 200}, {[]uint8{1, 5, 9}, 9, 5}, {[]uint8{0, 3, 8, 90}, 90, 8}, {[]uint8{255, 255, 0}, 255, 255}} {
		var s Spread
		for _, v := range tt.values {
			s.Add(v)
		}
		if s.Worst() != tt.worst || s.Median() != tt.median {
			t.Errorf("%v: worst %d, median %d", tt.values, s.Worst(), s.Median())
		}
	}
}

func TestMeasuringDoesNotAllocate(t *testing.T) {
	var q Queue
	var l Loss
	var p Pacer
	var r Resender
	p.SetCap(0, 32)
	now := time.Duration(0)
	if n := testing.AllocsPerRun(1000, func() {
		now += FrameDuration
		q.Arrived(now, now)
		l.Received(now)
		_ = q.Trend(now) + l.Over(now, time.Second).Fraction()
		p.Send(now, 100, Reserve{Bytes: 100, Next: FrameDuration, Every: FrameDuration})
		r.Allow(now, 1, uint32(now/FrameDuration), 100, 50*ms)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
