package adapt

import (
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/internal/estimate"
	"github.com/tincan-voice/tincan/internal/repair"
	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/netproto/wire"
)

// What bounds the choice.
func TestBoundsOfTheChoice(t *testing.T) {
	at := func(loss float64, rtt time.Duration) *network {
		return &network{most: 24000, headers: 28, channel: estimate.NewChannel(loss, 1), oneWay: 60 * ms, spread: 10 * ms, rtt: rtt, resent: loss}
	}
	plain, copies := shape{stride: 1}, shape{stride: 2, copies: []int{1}}
	n := at(0.001, 0)
	if p := choose(n, 60, point{shape: &plain, bitrate: 24000}, 0); p.takes(n) <= tuned.budget {
		t.Errorf("%v takes %.1f kbit/s of 60 where nothing is lost", &p, p.takes(n))
	}
	if p := choose(n, 60, point{shape: &copies, bitrate: 20000}, 0); p.takes(n) > tuned.budget {
		t.Errorf("%v takes %.1f kbit/s as long as there are copies", &p, p.takes(n))
	}
	near := at(0.03, 0)
	near.oneWay = 10 * ms
	for kbps := wire.Kbps(12); kbps < 60; kbps++ {
		for _, n := range []*network{at(0.1, 0), at(0.03, 20*ms), at(0.03, 600*ms), near} {
			p := choose(n, kbps, smallest, 0)
			if p.shape.coarse > 0 && p.bitrate <= p.shape.coarse {
				t.Errorf("%v kbit/s: %v has copies as good as itself", kbps, &p)
			}
			if p.resend && (n.rtt != 20*ms || p.takes(n) > kbps) {
				t.Errorf("%v kbit/s, round trip %v: %v takes %.1f", kbps, n.rtt, &p, p.takes(n))
			}
		}
	}
	resends := point{shape: &plain, bitrate: 16000, resend: true}
	if p := choose(at(0.03, 20*ms), 44, resends, math.Inf(1)); p != resends {
		t.Errorf("%v instead of resends that still come", &p)
	}
	if p := choose(at(0.03, 0), 44, resends, math.Inf(1)); p.resend {
		t.Errorf("%v: nobody waits for them any more", &p)
	}
}

// What a look at a queue means.
func TestWhatAQueueMeans(t *testing.T) {
	const s = time.Second
	drains := controller{state: draining, limit: 20, wall: 20, hold: 20 * s, until: 60 * s, last: 9900 * ms, sent: 40, began: 9 * s, cut: 9950 * ms}
	long := drains
	long.began, long.cut = 8*s, 8*s
	with := func(c controller, change func(c *controller)) controller {
		change(&c)
		return c
	}
	at := func(queue time.Duration, trend float64, through, sent wire.Kbps) sample {
		return sample{queue: queue, trend: trend, through: through, sent: sent, nominal: 20, rtt: 100 * ms}
	}
	for _, tt := range []struct {
		name string
		c    controller
		s    sample
		want verdict
	}{
		{"it went down less than a round trip ago", drains, at(200*ms, 0, 20, 20), waiting},
		{"it shrinks", with(drains, func(c *controller) { c.cut = 9 * s }), at(200*ms, -0.1, 20, 20), waiting},
		{"neither", with(drains, func(c *controller) { c.cut = 9 * s }), at(200*ms, 0, 20, 20), congested},
		{"it has not gone down", with(drains, func(c *controller) { c.state = resting }), at(200*ms, -0.1, 20, 20), congested},
		{"a short queue", drains, at(40*ms, 0, 20, 20), calm},
		{"in vain", long, at(200*ms, 0, 20, 20), others},
		{"long ago", with(long, func(c *controller) { c.state = resting }), at(200*ms, 0, 20, 20), congested},
		{"what comes through is not known", long, at(200*ms, 0, 0, 20), congested},
		{"it empties", long, at(200*ms, -0.1, 20, 20), waiting},
		{"it is hardly there", long, at(20*ms, 0, 20, 20), clear},
		{"hardly less is sent", long, at(200*ms, 0, 35, 35), congested},
		{"nor could be", with(long, func(c *controller) { c.limit = repair.LeastRate }), at(200*ms, 0, 35, 35), others},
	} {
		if got := tt.c.judge(10*s, tt.s.queue, tt.s); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	for through, want := range map[wire.Kbps]wire.Kbps{0: 20, 10: 15} {
		c := drains
		if c.update(10*s, at(200*ms, 0, through, 20)); c.wall != want || c.limit != 20 {
			t.Errorf("%v come through: a wall of %v, a limit of %v", through, c.wall, c.limit)
		}
	}
	c := controller{limit: 40, last: 9 * s}
	c.update(9500*ms, sample{loss: 0.2}) // which is usual there
	if c.accepted = 600 * ms; c.overflows(sample{queue: 590 * ms, loss: 0.25}) {
		t.Error("what is lost without a queue is taken for one that is full")
	}
}

// The worse of the two hops is looked at; resends cross the one that loses more, and take more of a cap.
func TestWhichHopCounts(t *testing.T) {
	l := New(0, Config{})
	l.Probed(40 * ms)
	l.last = Feedback{Queue: 10 * ms, Trend: 0.1, Rate: 30, DownQueue: 5 * ms, DownTrend: 0.2, DownRate: 20, RTT: 100 * ms}
	if s := l.sample(0); s.queue != 10*ms || s.trend != 0.1 || s.through != 30 || s.rtt != 40*ms {
		t.Errorf("a queue up: %+v", s)
	}
	l.last.DownQueue = 50 * ms
	if s := l.sample(0); s.queue != 50*ms || s.trend != 0.2 || s.through != 20 || s.rtt != 140*ms {
		t.Errorf("a queue down: %+v", s)
	}
	lossy := netproto.Outcome{Received: 90, Lost: 10, Runs: 10}
	for _, tt := range []struct {
		up, down  netproto.Outcome
		cap, last wire.Kbps
		rtt       time.Duration
		resent    float64
	}{
		{lossy, came(100), 0, 0, 40 * ms, 0.1}, {came(100), lossy, 0, 0, 100 * ms, 0.1},
		{lossy, came(100), 60, 0, 40 * ms, 0.2}, {lossy, came(100), 0, 60, 40 * ms, 0.2}, {came(100), came(100), 0, 0, 0, 0},
	} {
		l := New(0, Config{Cap: tt.cap})
		l.Probed(40 * ms)
		l.Heard(0, Feedback{Up: tt.up, Down: tt.down, Listeners: 1, RTT: 100 * ms, Cap: tt.last})
		if n := l.network(); n.rtt != tt.rtt || math.Abs(n.resent-tt.resent) > 1e-9 {
			t.Errorf("%+v: round trip %v, %.2f resent", tt, n.rtt, n.resent)
		}
	}
}

// Without a word from the relay the limit falls, and when it stops that is a change.
func TestSilenceOfTheRelay(t *testing.T) {
	l, begin, stopped := New(0, Config{}), wire.Kbps(0), false
	l.control.limit = 40
	for now := time.Duration(0); now <= 9*time.Second; now += 20 * ms {
		if l.Send(now, 60, Voice); now == 5*time.Second {
			begin = l.control.limit
		}
		if before := l.Stopped(); now%(200*ms) == 0 && l.Poll(now) && l.Stopped() != before {
			stopped = true
		}
	}
	if begin != 40 || l.control.limit > 40*0.85*0.85 {
		t.Errorf("%v kbit/s after 5 s, %v after 9", begin, l.control.limit)
	}
	if !stopped {
		t.Error("no change when it stopped")
	}
}

// Who sends in its own way does, and in a tunnel nothing counts as lost.
func TestFixedAndReliable(t *testing.T) {
	fixed := Decision{Bitrate: 16000, Stride: 2, Copies: []int{1}, Reason: "fixed"}
	if d := New(0, Config{Fixed: &fixed}).Decision(); !reflect.DeepEqual(d, fixed) {
		t.Errorf("%+v", d)
	}
	for _, reliable := range []bool{false, true} {
		l := New(0, Config{Reliable: reliable})
		if l.Heard(0, lossyFeedback); l.Stats(0).Loss > 0 == reliable {
			t.Errorf("reliable %v: a loss of %v", reliable, l.Stats(0).Loss)
		}
	}
}

// The reason is that of the moment.
func TestReasons(t *testing.T) {
	known := func(cfg Config, change func(l *Ladder)) *Ladder {
		l := New(0, cfg)
		l.Probed(40 * ms)
		l.control.limit = 60
		l.Heard(0, Feedback{Up: came(100), Down: came(100), Listeners: 1, RTT: 40 * ms})
		change(l)
		return l
	}
	lossy := Feedback{Up: came(400), Down: netproto.Outcome{Received: 360, Lost: 40, Runs: 40}, Listeners: 1, RTT: 400 * ms}
	copies := shape{stride: 2, copies: []int{1, 2}, coarse: 9500}
	for _, tt := range []struct {
		l    *Ladder
		want string
	}{
		{New(0, Config{}), "not known yet to be clean"},
		{known(Config{}, func(*Ladder) {}), "plain at 24k x 2: the path is clean"},
		{known(Config{}, func(l *Ladder) { l.brk.unheard = 6 * time.Second }), "no feedback for 6 s"},
		{known(Config{}, func(l *Ladder) { l.control.state, l.control.wall = draining, 31 }), "the path carries 31 kbit/s"},
		{known(Config{}, func(l *Ladder) { l.Heard(3*time.Second, lossy) }), "9.5 % loss, bursts 1.1"},
		{known(Config{}, func(l *Ladder) {
			l.Heard(3*time.Second, lossy)
			l.current = point{shape: &shape{stride: 2}, bitrate: 24000}
		}), "plain at 24k x 2: 9.5 % loss"},
		{known(Config{}, func(l *Ladder) { l.current = point{shape: &copies, bitrate: 12000} }), "copies {1,2} of 9.5k at 12k x 2: 0.0 % loss"},
		{known(Config{}, func(l *Ladder) { l.current.resend = true }), "plain and resends at 24k x 2"},
		{known(Config{Cap: 30}, func(*Ladder) {}), "the cap leaves 27 kbit/s"},
		{known(Config{}, func(l *Ladder) { l.last.Cap = 30 }), "a listener's cap of 30 kbit/s"},
		{known(Config{}, func(l *Ladder) { l.control.limit = 20 }), "limit 20 kbit/s"},
		{known(Config{}, func(l *Ladder) { l.begins = true; l.cfg.Reliable = true }), "the path is clean"},
	} {
		if got := tt.l.Decision().Reason; !strings.Contains(got, tt.want) {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}

// Who speaks after a pause is sent at once, though nothing has come from the relay for long.
func TestWhoSpeaksAfterAPauseIsSent(t *testing.T) {
	l := New(0, Config{})
	now := time.Duration(0)
	for ; !l.Stopped() && now < 20*time.Second; now += 20 * ms {
		l.Send(now, 60, Voice)
		l.Poll(now)
	}
	if l.Send(now, 60, Voice) || !l.Stopped() {
		t.Fatal("voice is sent though the relay is gone")
	}
	if now += 2 * time.Second; !l.Send(now, 60, Voice) {
		t.Error("voice is not sent after a pause")
	}
}

// With resends a point takes as much more as is sent again.
func TestWhatAPointTakes(t *testing.T) {
	n := &network{headers: 28, resent: 0.1}
	plain := point{shape: &shape{stride: 2}, bitrate: 16000}
	resends := plain
	resends.resend = true
	if p, r := plain.takes(n), resends.takes(n); math.Abs(float64(r/p)-1.1) > 1e-9 {
		t.Errorf("%v kbit/s, with a tenth sent again %v", p, r)
	}
}

// What goes by a second path too leaves room for twice the control.
func TestTwinLeavesRoom(t *testing.T) {
	most := func(kind Kind) (size int) {
		for size = 1; size < 10000; size++ {
			l := New(0, Config{Cap: 30})
			l.Send(0, 60, Voice)
			if !l.Send(20*ms, size, kind) {
				break
			}
		}
		return size
	}
	second := int(repair.UpControl.Bytes(time.Second))
	if less := most(Control) - most(Twin); less < 3*second/2 || less > 5*second/2 {
		t.Errorf("%d bytes less for a twin, where control takes %d per second", less, second)
	}
}
