package repair

import (
	"cmp"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/internal/estimate"
	"github.com/tincan-voice/tincan/netproto/wire"
)

// report has a listener report, and plans by that.
func report(p *Planner, now time.Duration, d Downlink, views []*View) {
	p.Plan(now, d, views, true)
}

// scene is one listener and one talker over some seconds of reports.
func scene(p *Planner, from time.Duration, seconds int, d Downlink, v *View) (first time.Duration) {
	first = -1
	for i := range seconds {
		now := from + time.Duration(i+1)*time.Second
		report(p, now, d, []*View{v})
		if v.Copies.delay > 0 && first < 0 {
			first = now - from
		}
	}
	return first
}

// talking are talkers who send so much.
func talking(rates ...wire.Kbps) []*View {
	v := make([]*View, len(rates))
	for i, r := range rates {
		v[i] = &View{Rate: r}
	}
	return v
}

func TestPlannerCopies(t *testing.T) {
	const far, near = 300 * ms, 40 * ms
	tests := []struct {
		name    string
		rtt     time.Duration
		view    View
		within  time.Duration // 0 = never
		delayAt time.Duration
	}{
		{"clean", far, View{Channel: estimate.NewChannel(0.01, 1), Hole: 0.01}, 0, 0},
		{"one bad listener of many, resends too late", far, View{Channel: estimate.NewChannel(0.1, 1), Hole: 0.1}, 2 * time.Second, 20 * ms},
		{"the same with bursts", far, View{Channel: estimate.NewChannel(0.1, 4), Hole: 0.1}, 2 * time.Second, 120 * ms},
		{"bursts and a stride of 3", far, View{Channel: estimate.NewChannel(0.1, 4.7), Stride: 3, Hole: 0.1}, 2 * time.Second, 180 * ms},
		{"resends repair it", near, View{Channel: estimate.NewChannel(0.1, 1), Hole: 0.01}, 0, 0},
		{"resends should but do not", near, View{Channel: estimate.NewChannel(0.1, 1), Hole: 0.08}, 2 * time.Second, 20 * ms},
		{"all lose alike: the talker's to cover", far, View{Channel: estimate.NewChannel(0.1, 1), Hole: 0.1, Median: 0.1}, 0, 0},
		{"a little worse than most, who have copies too", far, View{Channel: estimate.NewChannel(0.14, 1), Hole: 0.14, Median: 0.1}, 0, 0},
		{"little time left", far, View{Channel: estimate.NewChannel(0.1, 6), Hole: 0.1, OneWay: 150 * ms}, 2 * time.Second, 120 * ms},
		{"less time left", far, View{Channel: estimate.NewChannel(0.1, 6), Hole: 0.1, OneWay: 330 * ms}, 2 * time.Second, 40 * ms},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var p Planner
			tt.view.Rate = 40
			first := scene(&p, 0, 8, Downlink{RTT: tt.rtt, Rate: 40}, &tt.view)
			if tt.within == 0 && first >= 0 || tt.within > 0 && (first < 0 || first > tt.within) {
				t.Errorf("copies after %v, want within %v", first, tt.within)
			}
			if got := tt.view.Copies.delay; got != tt.delayAt {
				t.Errorf("copies %v later, want %v", got, tt.delayAt)
			}
		})
	}
}

func TestPlannerEndsCopiesWithHysteresis(t *testing.T) {
	var p Planner
	bad := &View{Rate: 40, Channel: estimate.NewChannel(0.1, 1), Hole: 0.1}
	d := Downlink{RTT: 300 * ms, Rate: 40}
	scene(&p, 0, 3, d, bad)
	bad.Channel.Loss, bad.Hole = 0.02, 0
	scene(&p, 3*time.Second, 5, d, bad)
	if bad.Copies.delay == 0 {
		t.Error("off at a loss of 2 %")
	}
	bad.Channel.Loss = 0.01
	scene(&p, 8*time.Second, 8, d, bad)
	if bad.Copies.delay != 0 {
		t.Error("still on at a loss of 1 %")
	}
	bad.Channel.Loss, bad.Hole = 0.1, 0.1
	scene(&p, 21*time.Second, 3, d, bad)
	if bad.Copies.delay == 0 {
		t.Error("no copies for one that is bad again")
	}
	bad.Median = 0.1
	scene(&p, 24*time.Second, 13, d, bad)
	if bad.Copies.delay != 0 {
		t.Error("still on where the others lose as much")
	}
}

func TestPlannerNeverCopiesIntoAGrowingQueue(t *testing.T) {
	var p Planner
	bad := &View{Rate: 40, Channel: estimate.NewChannel(0.2, 1), Hole: 0.2}
	scene(&p, 0, 3, Downlink{RTT: 300 * ms, Rate: 40}, bad)
	if bad.Copies.delay == 0 {
		t.Fatal("no copies to begin with")
	}
	report(&p, 4*time.Second, Downlink{RTT: 300 * ms, Rate: 30, Queue: 200 * ms, Trend: 0.3}, []*View{bad})
	if bad.Copies.delay != 0 {
		t.Error("copies into a queue that grows")
	}
}

func TestPlannerHonoursTheCap(t *testing.T) {
	var p Planner
	report(&p, time.Second, Downlink{Cap: 100}, talking(40, 40, 40, 40))
	if got := p.Talkers; got != 2 {
		t.Errorf("%d talkers at 40 kbit/s under a cap of 100", got)
	}
	// Fewer talkers before fewer copies.
	v := talking(40, 40, 40, 40)
	v[0].Channel, v[0].Hole = estimate.NewChannel(0.1, 1), 0.1
	report(&p, time.Second, Downlink{Cap: 100, RTT: 300 * ms}, v)
	report(&p, 2*time.Second, Downlink{Cap: 100, RTT: 300 * ms}, v)
	if p.Talkers != 1 || v[0].Copies.delay == 0 {
		t.Errorf("%d talkers, copies %v; want the loudest with copies", p.Talkers, v[0].Copies.delay)
	}
	report(&p, 3*time.Second, Downlink{Cap: 60, RTT: 300 * ms}, v)
	if p.Talkers != 1 || v[0].Copies.delay != 0 {
		t.Errorf("%d talkers, copies %v; want the loudest without copies", p.Talkers, v[0].Copies.delay)
	}
	report(&p, 5*time.Second, Downlink{}, v)
	if p.Talkers != 0 {
		t.Errorf("%d talkers without a cap", p.Talkers)
	}
	// Down at once, up after two seconds.
	report(&p, 6*time.Second, Downlink{Cap: 45}, talking(40, 40, 40, 40))
	for i := range 4 {
		report(&p, 6*time.Second+time.Duration(i+1)*400*ms, Downlink{Cap: 200}, talking(40, 40, 40, 40))
		if p.Talkers != 1 {
			t.Errorf("%d talkers %v later", p.Talkers, time.Duration(i+1)*400*ms)
		}
	}
	report(&p, 9*time.Second, Downlink{Cap: 200}, talking(40, 40, 40, 40))
	if p.Talkers != 0 {
		t.Errorf("%d talkers, want all", p.Talkers)
	}
}

// jamTest is three talkers on a link. It tells for how long there were fewer of them, and the longest queue later.
func jamTest(carries, each func(now time.Duration) wire.Kbps) (fewer, longest time.Duration) {
	const every = 300 * ms
	var p Planner
	queue := time.Duration(0)
	for now := every; now <= time.Minute; now += every {
		v := talking(each(now), each(now), each(now))
		through := rate(v[:cmp.Or(p.Talkers, len(v))])
		before := queue
		queue = min(max(0, queue+time.Duration(float64(through/carries(now)-1)*float64(every))), time.Second)
		if queue > 0 {
			through = carries(now)
		}
		report(&p, now, Downlink{Rate: through, Queue: queue, Trend: (queue - before).Seconds() / every.Seconds(), RTT: 100 * ms}, v)
		if p.Talkers > 0 {
			fewer += every
		}
		if now > 10*time.Second {
			longest = max(longest, queue)
		}
	}
	return fewer, longest
}

// always is a rate that does not change, and until is one that does.
func always(rate wire.Kbps) func(time.Duration) wire.Kbps { return until(time.Hour, rate, 0) }
func until(end time.Duration, rate, then wire.Kbps) func(time.Duration) wire.Kbps {
	return func(now time.Duration) wire.Kbps {
		if now < end {
			return rate
		}
		return then
	}
}

// A link that carries two of three talkers: when these had time to send less and did not, there are fewer of them; the
// next time at once. When it carries all of them, they come back.
func TestPlannerSendsFewerTalkersIntoAJam(t *testing.T) {
	if fewer, longest := jamTest(always(90), always(40)); fewer < 40*time.Second || longest > 650*ms {
		t.Errorf("deaf talkers: fewer of them for %v, later queue up to %v", fewer, longest)
	}
	if fewer, longest := jamTest(always(90), until(1500*ms, 40, 25)); fewer > 0 || longest > 0 {
		t.Errorf("talkers who send less: fewer of them for %v, later queue up to %v", fewer, longest)
	}
	if fewer, _ := jamTest(until(10*time.Second, 60, 200), always(40)); fewer < 5*time.Second || fewer > 30*time.Second {
		t.Errorf("a link that widens after 10 s: fewer of them for %v", fewer)
	}
}

// Three who send as little as they can, and a queue that stays: there are two.
func TestPlannerSendsFewerWhereNobodyCanSendLess(t *testing.T) {
	var p Planner
	v := talking(12, 12, 12)
	d := Downlink{Rate: 36, Queue: 700 * ms, RTT: 100 * ms}
	for now := 300 * ms; now < 6*time.Second; now += 300 * ms {
		report(&p, now, d, v)
		if p.Talkers > 0 && now < 2*time.Second {
			t.Fatalf("%d talkers after %v", p.Talkers, now)
		}
	}
	if p.Talkers != 2 {
		t.Errorf("%d talkers", p.Talkers)
	}
}

// A queue that goes up and down by itself is no reason to keep talkers away.
func TestPlannerPutsUpWithAQueueOfOthers(t *testing.T) {
	var p Planner
	v := talking(40, 40)
	for n := range 20 { // a tenth is lost
		report(&p, time.Duration(n+1)*300*ms, Downlink{Rate: 72}, v)
	}
	for n := range 200 { // reported every 300 ms
		at := n % 40
		d := Downlink{Rate: 72 * (1 - 0.067), Queue: time.Duration(at) * 20 * ms, Trend: 0.067}
		if at >= 20 {
			d = Downlink{Rate: 72 * (1 + 0.067), Queue: time.Duration(40-at) * 20 * ms, Trend: -0.067}
		}
		if report(&p, time.Duration(n+21)*300*ms, d, v); p.Talkers > 0 {
			t.Fatalf("%d talkers after %d reports", p.Talkers, n)
		}
	}
}

// Whatever the reports say: the cap holds for what is planned, and the plans are bounded.
func TestPlannerOnRandomReports(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 5))
		var p Planner
		var copies [12]Copies
		now := time.Duration(0)
		for range 500 {
			now += time.Duration(rng.IntN(2000)) * ms
			v := make([]*View, rng.IntN(len(copies)))
			for i := range v {
				v[i] = &View{
					Copies: copies[i], Rate: wire.Kbps(rng.Float64() * 60), Stride: rng.IntN(7), Channel: estimate.NewChannel(rng.Float64(), rng.Float64()*9),
					Hole: rng.Float64(), Median: rng.Float64(), OneWay: time.Duration(rng.IntN(300)) * ms, Buffer: time.Duration(rng.IntN(500)) * ms,
				}
			}
			d := Downlink{RTT: time.Duration(rng.IntN(500)) * ms, Cap: wire.Kbps(rng.IntN(100)), Rate: wire.Kbps(rng.Float64() * 100), Queue: time.Duration(rng.IntN(400)) * ms, Trend: rng.Float64() - 0.5}
			report(&p, now, d, v)
			n := p.Talkers
			if n == 0 {
				n = len(v)
			}
			if d.Cap > 0 && n > 1 && rate(v[:min(n, len(v))]) > d.Cap {
				t.Fatalf("%v kbit/s planned, cap %v", rate(v[:n]), d.Cap)
			}
			for i := range v {
				copies[i] = v[i].Copies
				if c := copies[i].delay; c < 0 || c > CacheAge {
					t.Fatalf("copies %v later", c)
				}
			}
		}
	}
}

func TestPlannerDoesNotAllocate(t *testing.T) {
	var p Planner
	v := talking(40, 40)
	v[0].Channel, v[0].Hole = estimate.NewChannel(0.1, 3), 0.1
	now := time.Duration(0)
	if n := testing.AllocsPerRun(100, func() {
		now += time.Second
		report(&p, now, Downlink{RTT: 300 * ms, Cap: 100}, v)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
