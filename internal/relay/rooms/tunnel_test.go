package rooms_test

import (
	"testing"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/forward"
	"github.com/tincan-voice/tincan/internal/relay/relaytest"
	"github.com/tincan-voice/tincan/internal/relay/rooms"
	"github.com/tincan-voice/tincan/netproto"
)

// testTunnel is a tunnel as a Core sees it. What is sent to it is in the box of its address.
type testTunnel struct {
	holders int
	over    bool
	lossy   bool // as a WebTransport is
}

func (t *testTunnel) Send([]byte) bool { return true }
func (t *testTunnel) Reliable() bool   { return !t.lossy }
func (t *testTunnel) Hold()            { t.holders++ }
func (t *testTunnel) Release(over bool) {
	t.holders--
	t.over = t.over || over
}

func newTunnel() (*testTunnel, forward.Path) {
	t := new(testTunnel)
	return t, forward.Path{Remote: relaytest.NewAddr(), Tunnel: t}
}

// A tunnel knows how many sessions' path it is.
func TestTunnelsAreHeld(t *testing.T) {
	c := relaytest.New(t, rooms.Config{})
	a, b := c.Settled("", "a"), c.Settled("", "b")
	one, onePath := newTunnel()
	two, twoPath := newTunnel()
	udp := forward.Path{Remote: a.Addr}
	steps := []struct {
		do       func()
		one, two int
	}{
		{func() { prove(t, c, a, onePath, false) }, 1, 0},
		{func() { prove(t, c, b, onePath, true) }, 2, 0},
		{func() { prove(t, c, a, udp, false) }, 1, 0},
		{func() { prove(t, c, a, twoPath, true) }, 1, 1},
		{func() { prove(t, c, a, onePath, true) }, 2, 0},
		{func() { prove(t, c, a, twoPath, false) }, 1, 1},
		{func() { c.Leave(a.Session) }, 1, 0},
	}
	for i, s := range steps {
		if s.do(); one.holders != s.one || two.holders != s.two {
			t.Fatalf("step %d: %d and %d sessions, want %d and %d", i, one.holders, two.holders, s.one, s.two)
		}
	}
	if one.over || !two.over {
		t.Errorf("over: %v, %v; one session has ended, in the second tunnel", one.over, two.over)
	}
}

// newest is the last datagram of voice among these.
func newest(box [][]byte) (h netproto.Header, hop netproto.Hop) {
	for _, d := range box {
		if v, err := netproto.ParseHeader(d); err == nil && v.Type == netproto.TypeVoice {
			h = v
			_, hop, _ = netproto.SplitHop(d)
		}
	}
	return h, hop
}

// What goes by a tunnel is not asked for, not sent again, and what is missing there is no loss to the talker.
func TestNothingIsRepeatedInTunnels(t *testing.T) {
	type repeats struct{ asked, resent, copied, lost bool }
	for _, tt := range []struct {
		name   string
		tunnel bool
		lossy  bool
		clean  int // listeners that lose nothing
		want   repeats
	}{
		{"UDP, one listener", false, false, 0, repeats{asked: true, resent: true, lost: true}},
		{"UDP, one of four loses", false, false, 3, repeats{asked: true, resent: true, copied: true}},
		{"tunnel, one listener", true, false, 0, repeats{}},
		{"tunnel, one of four loses", true, false, 3, repeats{}},
		{"WebTransport, one listener", true, true, 0, repeats{asked: true, resent: true, lost: true}},
		{"WebTransport, one of four loses", true, true, 3, repeats{asked: true, resent: true, copied: true}},
	} {
		c := relaytest.New(t, rooms.Config{})
		talker, listener := c.Settled("", "talker"), c.Settled("", "listener")
		from, to := forward.Path{Remote: talker.Addr}, forward.Path{Remote: listener.Addr}
		if tt.tunnel {
			var up, down *testTunnel
			up, from = newTunnel()
			down, to = newTunnel()
			up.lossy, down.lossy = tt.lossy, tt.lossy
			prove(t, c, talker, from, false)
			prove(t, c, listener, to, false)
		}
		var clean []*relaytest.Client
		for range tt.clean {
			clean = append(clean, c.Settled("", "clean"))
		}
		report := func(cl *relaytest.Client, at forward.Path, came netproto.Bits, hole uint8) netproto.Hop {
			h, hop := newest(taken(c, at.Remote))
			r := netproto.Report{RTT: 40, Talkers: []netproto.TalkerReport{{
				Session: talker.Session, HoleQ8: hole, Buffer: 60, Receipt: netproto.Receipt{Seq: h.Seq, Count: hop.Count, Reach: 30, Came: came},
			}}}
			body, err := netproto.AppendReport(nil, &r)
			if err != nil {
				t.Fatal(err)
			}
			c.HandleFrom(at, cl.Sealed(netproto.TypeReport, body))
			return hop
		}
		for i := range 1000 {
			c.Now += 20 * time.Millisecond
			if d := talker.Said("some words"); i%10 != 5 {
				c.HandleFrom(from, d)
			}
			c.Worker.Flush(c.Now)
			if i%25 != 24 {
				continue
			}
			for _, cl := range clean {
				report(cl, forward.Path{Remote: cl.Addr}, netproto.Bits{1<<30 - 1}, 0)
			}
			hop := report(listener, to, netproto.Bits{0x1b6db6db}, 80)
			nack, err := netproto.AppendNack(nil, []netproto.NackBlock{{Session: talker.Session, Base: (hop.Count - 8) % netproto.HopCounts, Mask: 0xf}})
			if err != nil {
				t.Fatal(err)
			}
			c.HandleFrom(to, listener.Sealed(netproto.TypeNack, nack))
		}
		lost := netproto.Outcome{}
		for _, d := range taken(c, from.Remote) {
			if h, _ := netproto.ParseHeader(d); h.Type != netproto.TypeReport {
				continue
			}
			body, err := talker.Down.Open(nil, d)
			if err != nil {
				t.Fatal(err)
			}
			f, err := netproto.ParseFeedback(body)
			if err != nil {
				t.Fatal(err)
			}
			lost.Add(f.Median)
		}
		st := c.Stats()
		if got := (repeats{st.Asked > 0, st.Resent > 0, st.Copied > 0, lost.Lost > 0}); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

// A cap holds with what a tunnel adds.
func TestCapInATunnel(t *testing.T) {
	got := make(map[bool]int)
	for _, tunnel := range []bool{false, true} {
		c := relaytest.New(t, rooms.Config{})
		talker, listener := c.Settled("", "talker"), c.Settled("", "listener")
		to := forward.Path{Remote: listener.Addr}
		if tunnel {
			_, to = newTunnel()
			prove(t, c, listener, to, false)
		}
		report, err := netproto.AppendReport(nil, &netproto.Report{Cap: 40})
		if err != nil {
			t.Fatal(err)
		}
		c.HandleFrom(to, listener.Sealed(netproto.TypeReport, report))
		for range 500 {
			c.Now += 20 * time.Millisecond
			c.Handle(talker.Addr, talker.Said("sixty bytes or so, which is what a frame takes"))
			c.Worker.Flush(c.Now)
		}
		got[tunnel] = voices(taken(c, to.Remote))
	}
	if udp, tcp := got[false], got[true]; tcp == 0 || udp <= tcp {
		t.Errorf("%d datagrams by UDP, %d by a tunnel", udp, tcp)
	}
}
