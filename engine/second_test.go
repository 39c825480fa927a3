package engine

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/stream"
)

// Two paths carry everything twice, but where one is dead or too thin.
func TestSecondPath(t *testing.T) {
	const ms = time.Millisecond
	good := func(rtt time.Duration) pathState {
		return pathState{open: true, answered: true, rtt: rtt, least: rtt}
	}
	queued, never, dead := good(200*ms), good(0), good(20*ms)
	queued.least, never.answered, dead.silent = 20*ms, false, pathDead
	silent := good(20 * ms)
	silent.silent = pathDead - 1
	tests := []struct {
		name       string
		main, also pathState
		want       ways
	}{
		{"both", good(20 * ms), good(30 * ms), ways{PathUDP, PathAlso, PathUDP, PathAlso, PathUDP}},
		{"the second is better", good(40 * ms), good(30 * ms), ways{PathUDP, PathAlso, PathAlso, PathUDP, PathUDP}},
		{"one is silent, not yet dead", silent, good(30 * ms), ways{PathUDP, PathAlso, PathAlso, PathUDP, PathAlso}},
		{"the better second is silent, not yet dead", good(40 * ms), silent, ways{PathUDP, PathAlso, PathUDP, PathAlso, PathUDP}},
		{"the first is dead", dead, good(30 * ms), ways{PathAlso, PathUDP, PathAlso, noPath, PathAlso}},
		{"the second is dead", good(20 * ms), dead, ways{PathUDP, PathAlso, PathUDP, noPath, PathUDP}},
		{"both are dead", dead, dead, ways{PathUDP, PathAlso, PathUDP, noPath, PathUDP}},
		{"the second has never been answered", good(20 * ms), never, ways{PathUDP, PathAlso, PathUDP, noPath, PathUDP}},
		{"the first is thin", queued, good(30 * ms), ways{PathUDP, PathAlso, PathAlso, noPath, PathUDP}},
		{"the second is thin", good(20 * ms), queued, ways{PathUDP, PathAlso, PathUDP, noPath, PathUDP}},
		{"both are thin", queued, queued, ways{PathUDP, PathAlso, PathUDP, noPath, PathUDP}},
		{"there is none", good(20 * ms), pathState{answered: true}, ways{PathUDP, noPath, PathUDP, noPath, PathUDP}},
	}
	for _, tt := range tests {
		s := &pair{}
		if got := s.look(&tt.main, &tt.also, false); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}

	// Under a cap the session moves as soon as it would to the tunnel, once, by another socket of the second path.
	c, main, also := &pair{}, good(20*ms), good(30*ms)
	for _, step := range []struct {
		silent       time.Duration
		first, again bool
	}{{0, false, false}, {deadAfter, false, false}, {deadAfter + 20*ms, true, true}, {2 * pathDead, true, false}, {0, false, false}} {
		main.silent = step.silent
		if w := c.look(&main, &also, true); (w.first == PathAlso) != step.first || c.again != step.again {
			t.Errorf("silent for %v: %+v, another socket %v", step.silent, w, c.again)
		}
	}

	s := &pair{}
	also = good(20 * ms)
	for _, step := range []struct {
		rtt time.Duration
		two bool
	}{{20 * ms, true}, {169 * ms, true}, {170 * ms, false}, {71 * ms, false}, {69 * ms, true}, {169 * ms, true}} {
		main := good(step.rtt)
		main.least = 20 * ms
		if w := s.look(&main, &also, false); (w.twin != noPath) != step.two {
			t.Errorf("a round trip of %v: %v", step.rtt, w)
		}
	}
}

func TestConfigAlso(t *testing.T) {
	for also, ok := range map[string]bool{"": true, "lo": true, "127.0.0.1": true, "nosuch0": false, "192.0.2.77": false} {
		if also == "lo" {
			if _, _, err := findAlso("lo", netip.MustParseAddr("127.0.0.1")); err != nil {
				continue // it has another name here
			}
		}
		cfg := Config{Address: "127.0.0.1", Name: "Ann", Plaintext: true, Also: also}
		if err := cfg.Validate(); (err == nil) != ok || err != nil && !errors.Is(err, ErrAlso) {
			t.Errorf("%q: %v", also, err)
		}
	}
}

// A call by two paths: everything comes twice and counts once, and when one of them dies nobody hears it.
func TestTwoPaths(t *testing.T) {
	t.Parallel()
	r := startRelay(t, nil, nil)
	r.numbers = map[string]map[string]bool{}
	ann := join(t, r, Config{Name: "Ann", Source: talk(1), Also: "127.0.0.2"})
	bob := join(t, r, Config{Name: "Bob", Source: talk(2)})
	if e := await(t, ann, "the second path", anyEvent[SecondPath]); !e.On || e.Name != "127.0.0.2" {
		t.Errorf("%+v", e)
	}
	paths := func() (first, second fakePath) {
		r.mu.Lock()
		defer r.mu.Unlock()
		c := r.clients[ann.Session()]
		return c.addr, c.also
	}
	eventually(t, "the relay knows both", func() bool { a, b := paths(); return a.valid() && b.valid() })
	heardAgain(t, ann, bob)
	eventually(t, "twins", func() bool { return ann.Stats().Link.Drops[stream.DropTwin] > 20 })
	first, _ := paths()
	r.mu.Lock()
	r.barred = map[netip.AddrPort]bool{first.AddrPort: true}
	r.mu.Unlock()
	heardAgain(t, ann, bob)
	r.numbersAreUnique(t)
	s := ann.Stats()
	for reason, n := range refused(&s) {
		if n > 0 && reason != int(stream.DropTwin) {
			t.Errorf("%+v", s.Link.Drops)
		}
	}
	if s.Link.Second != "127.0.0.2" || len(faulty(&s)) > 0 {
		t.Errorf("%+v", s)
	}
}

// No voice for a while, and why.
func TestGaps(t *testing.T) {
	const sec = time.Second
	g := &gaps{}
	for now := time.Duration(0); now < 60*sec; now += tickEvery {
		p := &pathState{open: true}
		since := func(from, to time.Duration) {
			if now >= from && now < to {
				p.silent = now - from
			}
		}
		since(5*sec, 5*sec+300*time.Millisecond) // too short
		since(10*sec, 12*sec)
		since(20*sec, 24*sec)
		since(30*sec, 31*sec)
		since(40*sec, 45*sec)
		if now == 12*sec {
			g.changed()
		}
		if now >= 50*sec && now < 52*sec { // the tunnel has broken
			p.open = false
		}
		g.look(now, p, now >= 20*sec && now < 25*sec || now >= 50*sec, now > 32*sec && now < 46*sec)
	}
	want := [gapCauses]Gap{GapPath: {1, 2 * sec}, GapTunnel: {2, 6 * sec}, GapRelay: {1, 5 * sec}, GapNetwork: {1, sec}}
	for cause, got := range g.stats(60 * sec) {
		if got.Count != want[cause].Count || (got.Total-want[cause].Total).Abs() > 600*time.Millisecond {
			t.Errorf("%v: %+v, want %+v", GapCause(cause), got, want[cause])
		}
	}
}
