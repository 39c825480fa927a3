package adapt

import (
	"math"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/internal/estimate"
	"github.com/tincan-voice/tincan/netproto/wire"
)

func near(a, b wire.Kbps) bool { return math.Abs(float64(a-b)) < 0.01 }

// What one look at the path does to a controller that is at 10 s.
func TestControllerStep(t *testing.T) {
	const s = time.Second
	lately := controller{limit: 40, last: 9 * s}
	in := func(state state, limit, wall wire.Kbps) controller {
		return controller{state: state, limit: limit, wall: wall, hold: 20 * s, until: 20 * s, last: 9 * s}
	}
	drains := in(draining, 20, 20)
	drains.sent, drains.began, drains.cut = 40, 8*s, 8*s
	long := drains // for as long as a queue of 300 ms may take, with a round trip of 100 ms
	long.began = 8100 * ms
	put := lately
	put.accepted = 600 * ms
	for _, tt := range []struct {
		name  string
		c     controller
		s     sample
		state state
		limit wire.Kbps
	}{
		{"opening", lately, sample{sent: 40}, opening, 46},
		{"opening, little is sent", controller{limit: 47, last: 9 * s}, sample{sent: 30}, opening, 48},
		{"opening, nothing is sent", controller{limit: 31, last: 9 * s}, sample{}, opening, 32},
		{"a short queue", lately, sample{sent: 40, queue: 30 * ms}, opening, 40},
		{"59 ms", lately, sample{sent: 40, queue: 59 * ms, trend: 0.5}, opening, 40},
		{"60 ms that hardly grow", lately, sample{sent: 40, queue: 60 * ms, trend: 0.029}, opening, 40},
		{"60 ms that grow", lately, sample{nominal: 40, queue: 60 * ms, trend: 0.03}, draining, 40 * 0.97 * (0.85 - 0.35*60/800)},
		{"179 ms", lately, sample{nominal: 40, queue: 179 * ms}, opening, 40},
		{"180 ms", lately, sample{nominal: 40, queue: 180 * ms}, draining, 40 * (0.85 - 0.35*180/800)},
		{"800 ms", lately, sample{nominal: 40, queue: 800 * ms}, draining, 20},
		{"2 s", lately, sample{nominal: 40, queue: 2 * s}, draining, 20},
		{"gone", in(draining, 10, 40), sample{}, resting, 36},
		{"resting", in(resting, 36, 40), sample{sent: 36}, resting, 37.5},
		{"rested", in(resting, 37.5, 40), sample{sent: 36}, resting, 38},
		{"exploring", in(exploring, 38, 40), sample{sent: 38}, exploring, 39.5},
		{"explored", in(exploring, 47.5, 40), sample{sent: 38}, exploring, 48},
		{"still draining", drains, sample{sent: 20, through: 20, queue: 450 * ms, rtt: 100 * ms}, draining, 20 * (0.85 - 0.35*450/800)},
		{"in vain", long, sample{sent: 20, through: 20, queue: 300 * ms, rtt: 100 * ms}, opening, 40},
		{"not for long enough", long, sample{sent: 20, through: 20, queue: 310 * ms, rtt: 100 * ms}, draining, 20 * (0.85 - 0.35*310/800)},
		{"it empties", long, sample{sent: 20, through: 23.1, queue: 300 * ms, rtt: 100 * ms}, draining, 21.55 * (0.85 - 0.35*300/800)},
		{"it does not", long, sample{sent: 20, through: 22.9, queue: 300 * ms, rtt: 100 * ms}, opening, 40},
		{"a tenth more is lost", long, sample{sent: 20, through: 20, queue: 300 * ms, rtt: 100 * ms, loss: 0.1}, draining, 20 * (0.85 - 0.35*300/800)},
		{"others' queue", put, sample{nominal: 40, queue: 590 * ms}, opening, 40},
		{"others' queue is full", put, sample{nominal: 40, queue: 590 * ms, loss: 0.1}, draining, 40 * (0.85 - 0.35*590/800)},
		{"hardly more lost", put, sample{nominal: 40, queue: 590 * ms, loss: 0.099}, opening, 40},
	} {
		c := tt.c
		if c.update(10*s, tt.s); c.state != tt.state || !near(c.limit, tt.limit) {
			t.Errorf("%s: state %d at %.2f kbit/s, want %d at %.2f", tt.name, c.state, c.limit, tt.state, tt.limit)
		}
	}

	c := in(exploring, 40, 40)
	c.update(10*s, sample{nominal: 40, queue: 180 * ms})
	if c.until != 50*s {
		t.Errorf("the wall that was there again is tested at %v", c.until)
	}
	c = in(exploring, 40, 40)
	c.hold = 60 * s
	c.update(10*s, sample{nominal: 40, queue: 180 * ms})
	if c.until != 90*s {
		t.Errorf("the wall that has been there for long is tested at %v", c.until)
	}
	c = lately
	c.update(10*s, sample{nominal: 40, queue: 180 * ms})
	if c.until != 20*s {
		t.Errorf("a new wall is tested at %v", c.until)
	}
	if c.until = 10 * s; c.state == draining {
		c.update(10*s, sample{})
	}
	if c.update(10*s, sample{}); c.state != exploring {
		t.Errorf("state %d when it is time", c.state)
	}
	put.update(10*s, sample{})
	if put.accepted != 590*ms {
		t.Errorf("%v of 600 ms are put up with after a second without a queue", put.accepted)
	}
	lately.silent(1, false)
	if !near(lately.limit, 34) {
		t.Errorf("%.2f of 40 kbit/s after a second without feedback", lately.limit)
	}
}

func TestBreakerStep(t *testing.T) {
	speak := func(b *breaker, from, to, every time.Duration) (missing time.Duration) {
		for now := from; now <= to; now += every {
			missing = b.speaking(now)
		}
		return missing
	}
	var b breaker
	if missing := speak(&b, 0, 5*time.Second, 100*ms); missing > 0 {
		t.Errorf("feedback has been missing for %v after 5 s", missing)
	}
	if missing := speak(&b, 5100*ms, 5100*ms, ms); missing <= 0 {
		t.Error("no feedback is missing after 5.1 s")
	}
	if speak(&b, 5200*ms, 7900*ms, 100*ms); b.stops() {
		t.Error("stops before 8 s")
	}
	if speak(&b, 8*time.Second, 8*time.Second, ms); !b.stops() {
		t.Error("does not stop after 8 s")
	}
	if speak(&b, 9*time.Second, 9*time.Second, ms); b.unanswered != 9*time.Second {
		t.Errorf("a second is a pause: %v of speech", b.unanswered)
	}
	if speak(&b, 10010*ms, 10010*ms, ms); b.unanswered != 0 {
		t.Errorf("1.01 s are no pause: %v of speech", b.unanswered)
	}
}

// A change must bring a point of R, or six within two seconds of the one before.
func TestCostOfChanging(t *testing.T) {
	const now = 10 * time.Second
	for _, tt := range []struct {
		since time.Duration
		cost  float64
	}{{2 * time.Second, 1}, {1990 * ms, 6}} {
		for bitrate := 8000; bitrate < 24000; bitrate += 100 {
			l := New(0, Config{})
			l.Heard(now, Feedback{Up: came(100), Listeners: 1, Down: came(100)})
			l.control.limit = 60
			n := l.network()
			best := choose(&n, 60, smallest, 0)
			l.current, l.decided = point{shape: best.shape, bitrate: bitrate}, now-tt.since
			gain := best.value(&n) - l.current.value(&n)
			if changed := l.Heard(now, Feedback{Up: came(1), Listeners: 1, Down: came(1)}); changed != (gain > tt.cost) {
				t.Fatalf("%v after a change, for %.2f points: %v", tt.since, gain, changed)
			}
		}
	}
}

func TestFiguresOfTheLadder(t *testing.T) {
	l := New(0, Config{})
	if n := l.network(); l.Limit() != 32 || n.channel.Loss != 0.05 || n.spread != 10*ms {
		t.Errorf("begins with %v kbit/s, %v of loss, a spread of %v", l.Limit(), n.channel.Loss, n.spread)
	}
	for _, more := range []int{29, 1} {
		if !l.begins {
			t.Error("29 datagrams are enough to know")
		}
		l.Heard(0, Feedback{Up: came(more), Listeners: 1, Down: came(more)})
	}
	if l.begins {
		t.Error("30 datagrams are not enough to know")
	}
	if l.Poll(9700 * ms); l.begins { // 14 s * ln 2
		t.Error("half of what is known is not enough")
	}
	if l.Poll(9710 * ms); !l.begins {
		t.Error("less than half of what is known is enough")
	}

	lost := network{most: 24000, headers: 28, channel: estimate.NewChannel(0.1, 1), oneWay: 60 * ms, spread: 10 * ms}
	if p := choose(&lost, 60, smallest, 0); p.takes(&lost) > 44 || p.takes(&lost) < 42 {
		t.Errorf("%.1f kbit/s where a tenth is lost", p.takes(&lost))
	}
	lost.rtt = 100 * ms
	if got := lost.brought(100 * ms); math.Abs(got-0.85*0.99*0.9) > 1e-9 {
		t.Errorf("%v of what is lost is brought", got)
	}
	lost.oneWay, lost.channel = 0, estimate.NewChannel(0.3, 1)
	waits := 0 * ms
	for lost.rtt = ms; lost.resendsWaitedFor(); lost.rtt += ms {
		waits = lost.rtt
	}
	if waits != 350*ms { // of 380 that they may take
		t.Errorf("resends are waited for up to a round trip of %v", waits)
	}

	l = New(0, Config{})
	for _, tt := range []struct {
		bytes         int
		spare, resend bool
	}{{3360 - 28, true, true}, {80 - 28, false, true}, {640 - 28, false, false}} {
		l.Send(0, tt.bytes, Voice) // 26.9, 27.5, 32.6 kbit/s
		at := 500 * ms
		before := l.sent
		spare := l.Send(at, 1, Spare)
		l.sent = before
		resend := l.Send(at, 1, Resend)
		if l.sent = before; spare != tt.spare || resend != tt.resend {
			t.Errorf("%.1f kbit/s: spare %v, resend %v", l.sent.Rate(at), spare, resend)
		}
	}
}
