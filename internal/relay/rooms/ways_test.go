package rooms_test

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/forward"
	"github.com/tincan-voice/tincan/internal/relay/relaytest"
	"github.com/tincan-voice/tincan/internal/relay/rooms"
	"github.com/tincan-voice/tincan/netproto"
)

// prove has a client answer the challenge to a path that it comes by.
func prove(t *testing.T, c *relaytest.Core, cl *relaytest.Client, from forward.Path, also bool) {
	t.Helper()
	c.Now += relaytest.ChallengeInterval
	c.HandleFrom(from, cl.Probe())
	token, ok := tokenIn(t, cl, taken(c, from.Remote))
	if !ok {
		t.Fatalf("no challenge at %v", from.Remote)
	}
	body := netproto.AppendChallengeReply(nil, netproto.ChallengeReply{Token: [8]byte(token), Also: also})
	if drop := c.HandleFrom(from, cl.Sealed(netproto.TypeChallengeReply, body)); drop != forward.Kept {
		t.Fatal(drop)
	}
}

// taken empties the box of an address.
func taken(c *relaytest.Core, at netip.AddrPort) [][]byte {
	box := c.Boxes[at]
	delete(c.Boxes, at)
	return box
}

// voices is how many datagrams of voice are among these.
func voices(box [][]byte) (n int) {
	for _, d := range box {
		if h, err := netproto.ParseHeader(d); err == nil && h.Type == netproto.TypeVoice {
			n++
		}
	}
	return n
}

// twoPaths is somebody who talks, and somebody with two paths.
func twoPaths(t *testing.T) (c *relaytest.Core, talker, two *relaytest.Client, other forward.Path) {
	t.Helper()
	c = relaytest.New(t, rooms.Config{})
	talker, two = c.Settled("", "talker"), c.Settled("", "two")
	other = forward.Path{Remote: relaytest.NewAddr()}
	prove(t, c, two, other, true)
	clear(c.Boxes)
	return c, talker, two, other
}

// wantVoice has the talker say something, and wants it at these of the listener's paths only, once each.
func wantVoice(t *testing.T, c *relaytest.Core, talker *relaytest.Client, at map[netip.AddrPort]int) {
	t.Helper()
	for addr := range at {
		taken(c, addr)
	}
	if drop := c.Handle(talker.Addr, talker.Said("who hears this")); drop != forward.Kept {
		t.Fatal(drop)
	}
	for addr, want := range at {
		if got := voices(taken(c, addr)); got != want {
			t.Errorf("%d datagrams at %v, want %d", got, addr, want)
		}
	}
}

// What two paths carry counts once.
func TestTwoPathsCountOnce(t *testing.T) {
	c, talker, two, other := twoPaths(t)
	before := c.Stats()
	for range 50 {
		c.Now += 20 * time.Millisecond
		wantVoice(t, c, talker, map[netip.AddrPort]int{two.Addr: 1, other.Remote: 1})
	}
	said := 0
	for i := range 100 {
		c.Now += 20 * time.Millisecond
		d := two.Said("what comes by two paths")
		first, second := two.Addr, other.Remote
		if i%2 > 0 {
			first, second = second, first
		}
		if drop := c.Handle(first, slices.Clone(d)); drop != forward.Kept {
			t.Fatal(drop)
		}
		if drop := c.Handle(second, d); drop != forward.DropTwin {
			t.Fatal(drop)
		}
		said++
	}
	heard := voices(talker.Took())
	st := c.Stats()
	if n := st.Delivered - before.Delivered; n != uint64(50+said) || heard != said {
		t.Errorf("%d delivered, and %d heard of %d", n, heard, said)
	}
	if n := st.Packets - before.Packets; n != uint64(2*50+said) {
		t.Errorf("%d packets", n)
	}
	if st.Dropped[forward.DropTwin] != uint64(said) || st.Dropped[forward.DropReplayed]+st.Dropped[forward.DropSessionRate]+st.Asked > 0 {
		t.Errorf("dropped %v, asked for %d", st.Dropped, st.Asked)
	}
	clear(c.Boxes)
	c.Handle(other.Remote, two.Probe())
	for _, d := range taken(c, other.Remote) { // an ack comes where the probe came from
		body, err := two.Down.Open(nil, d)
		if err != nil {
			t.Fatal(err)
		}
		if ack, err := netproto.ParseProbeAck(body); err != nil || int(ack.Came) != said || ack.Went != 50 {
			t.Errorf("%+v, %v", ack, err)
		}
	}
	if len(two.Took()) > 0 {
		t.Error("an answer by the other path")
	}
}

// Twins take nothing of what a session may send, however many come.
func TestTwinsCostTheSessionNothing(t *testing.T) {
	c := relaytest.New(t, rooms.Config{SessionRate: 60, StrangerRate: 1})
	two := c.Settled("", "two")
	c.Settled("", "listener")
	c.Now += time.Second
	other := forward.Path{Remote: relaytest.NewAddr()}
	prove(t, c, two, other, true)
	for range 500 {
		c.Now += 20 * time.Millisecond
		d := two.Said("as fast as speech")
		for i, want := range []forward.Drop{forward.Kept, forward.DropTwin, forward.DropTwin, forward.DropTwin} {
			from := two.Addr
			if i%2 > 0 {
				from = other.Remote
			}
			if drop := c.Handle(from, slices.Clone(d)); drop != want {
				t.Fatalf("%v, want %v", drop, want)
			}
		}
	}
}

// A path that falls silent is not sent to, and the other one alone is used until it is heard again.
func TestStandby(t *testing.T) {
	c, talker, two, other := twoPaths(t)
	for _, tt := range []struct {
		name         string
		first, other int // every so many seconds a probe comes from there; 0: none does
		want         [2]int
	}{
		{"both", 1, 1, [2]int{1, 1}},
		{"seldom", 3, 2, [2]int{1, 1}},
		{"the second only", 0, 2, [2]int{0, 1}},
		{"both again", 2, 2, [2]int{1, 1}},
		{"the first only", 2, 0, [2]int{1, 0}},
		{"none", 0, 0, [2]int{1, 0}}, // the last one that was heard
	} {
		for i := 1; i <= 12; i++ {
			c.Now += time.Second
			if tt.first > 0 && i%tt.first == 0 {
				c.Handle(two.Addr, two.Probe())
			}
			if tt.other > 0 && i%tt.other == 0 {
				c.Handle(other.Remote, two.Probe())
			}
			c.Handle(talker.Addr, talker.Probe())
			c.Tick(c.Now)
		}
		t.Log(tt.name)
		wantVoice(t, c, talker, map[netip.AddrPort]int{two.Addr: tt.want[0], other.Remote: tt.want[1]})
	}
	// One word ends the silence, without a challenge; what has come before is none.
	clear(c.Boxes)
	d := two.Said("by the first, and again by the second")
	c.Handle(two.Addr, slices.Clone(d))
	c.Handle(other.Remote, d)
	wantVoice(t, c, talker, map[netip.AddrPort]int{two.Addr: 1, other.Remote: 0})
	c.Handle(other.Remote, two.Said("here too"))
	if _, asked := tokenIn(t, two, c.Boxes[other.Remote]); asked {
		t.Error("a path that was proven is challenged")
	}
	wantVoice(t, c, talker, map[netip.AddrPort]int{two.Addr: 1, other.Remote: 1})
}

// After a standstill of the program neither path is silent.
func TestNoPathIsSilentAfterAStandstill(t *testing.T) {
	c, talker, two, other := twoPaths(t)
	c.Now += 20 * time.Second
	c.Wake(c.Now)
	c.Tick(c.Now)
	wantVoice(t, c, talker, map[netip.AddrPort]int{two.Addr: 1, other.Remote: 1})
}

// Under a cap one path carries all.
func TestTwoPathsUnderACap(t *testing.T) {
	c, talker, two, other := twoPaths(t)
	report, err := netproto.AppendReport(nil, &netproto.Report{Cap: 64})
	if err != nil {
		t.Fatal(err)
	}
	c.Handle(two.Addr, two.Sealed(netproto.TypeReport, report))
	c.Now += time.Second
	c.Handle(talker.Addr, talker.Said("from now on"))
	wantVoice(t, c, talker, map[netip.AddrPort]int{two.Addr: 1, other.Remote: 0})
	for range 6 {
		c.Now += time.Second
		c.Handle(other.Remote, two.Probe())
		c.Tick(c.Now)
	}
	wantVoice(t, c, talker, map[netip.AddrPort]int{two.Addr: 0, other.Remote: 1})
}

// Whose place a new path takes.
func TestThirdPath(t *testing.T) {
	for _, tt := range []struct {
		name   string
		silent bool // the first path is
		third  bool // the reply is from a third path
		again  bool // or from the second one, again
		also   bool
		want   [3]int
	}{
		{"another second one", false, true, false, true, [3]int{1, 0, 1}},
		{"in place of a silent first", true, true, false, true, [3]int{0, 1, 1}},
		{"a move", false, true, false, false, [3]int{0, 0, 1}},
		{"none", false, false, false, true, [3]int{1, 1, 0}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, talker, two, second := twoPaths(t)
			third := forward.Path{Remote: relaytest.NewAddr()}
			for range 6 {
				c.Now += time.Second
				if !tt.silent {
					c.Handle(two.Addr, two.Probe())
				}
				c.Handle(second.Remote, two.Probe())
				c.Handle(talker.Addr, talker.Probe())
				c.Tick(c.Now)
			}
			if tt.third {
				prove(t, c, two, third, tt.also)
			}
			wantVoice(t, c, talker, map[netip.AddrPort]int{two.Addr: tt.want[0], second.Remote: tt.want[1], third.Remote: tt.want[2]})
		})
	}
}

// Nobody gets anything but a challenge who has not answered that, from its own address; and who has and then says
// nothing gets it for some seconds only.
func TestSecondPathAtThirdParties(t *testing.T) {
	c := relaytest.New(t, rooms.Config{})
	talker, two := c.Settled("", "talker"), c.Settled("", "two")
	victim, accomplice := relaytest.NewAddr(), relaytest.NewAddr()
	answer := func(token []byte, from netip.AddrPort) forward.Drop {
		body := netproto.AppendChallengeReply(nil, netproto.ChallengeReply{Token: [8]byte(token), Also: true})
		return c.Handle(from, two.Sealed(netproto.TypeChallengeReply, body))
	}
	c.Now += relaytest.ChallengeInterval
	c.Handle(victim, two.Probe())
	c.Now += relaytest.ChallengeInterval
	c.Handle(accomplice, two.Probe())
	token, _ := tokenIn(t, two, taken(c, accomplice))
	for _, guess := range [][]byte{token, make([]byte, 8)} {
		if drop := answer(guess, victim); drop != forward.DropPath {
			t.Error(drop)
		}
	}
	clear(c.Boxes)
	wantVoice(t, c, talker, map[netip.AddrPort]int{victim: 0, two.Addr: 1})
	if answer(token, accomplice) != forward.Kept {
		t.Fatal("its own is refused")
	}
	if drop := answer(token, accomplice); drop != forward.DropPath {
		t.Errorf("a token that has been used: %v", drop)
	}
	wantVoice(t, c, talker, map[netip.AddrPort]int{accomplice: 1, two.Addr: 1})
	captured := two.Said("somebody keeps this")
	c.Handle(two.Addr, slices.Clone(captured))
	for range 7 { // replays do not keep it open
		c.Now += time.Second
		c.Handle(two.Addr, two.Probe())
		c.Handle(accomplice, slices.Clone(captured))
		c.Handle(talker.Addr, talker.Probe())
		c.Tick(c.Now)
	}
	wantVoice(t, c, talker, map[netip.AddrPort]int{accomplice: 0, two.Addr: 1})
}

// Second paths come and go no faster than moves do.
func TestSecondPathsPerSecond(t *testing.T) {
	c := relaytest.New(t, rooms.Config{})
	a := c.Settled("", "a")
	const seconds = 10
	settled := 0
	c.Now += time.Second
	for end := c.Now + seconds*time.Second; c.Now < end; c.Now += 6 * time.Millisecond {
		from := relaytest.NewAddr()
		c.Handle(from, a.Probe())
		if token, ok := tokenIn(t, a, taken(c, from)); ok {
			body := netproto.AppendChallengeReply(nil, netproto.ChallengeReply{Token: [8]byte(token), Also: true})
			if c.Handle(from, a.Sealed(netproto.TypeChallengeReply, body)) == forward.Kept {
				settled++
			}
		}
	}
	if settled < 8*seconds || settled > 10*seconds {
		t.Errorf("%d second paths in %d s", settled, seconds)
	}
}

// Who comes by two new paths at once proves both, though the answers cross.
func TestTwoCandidates(t *testing.T) {
	c := relaytest.New(t, rooms.Config{})
	talker, two := c.Settled("", "talker"), c.Enter("", "two")
	paths := []netip.AddrPort{relaytest.NewAddr(), relaytest.NewAddr()}
	var tokens [2][]byte
	for i, p := range paths {
		c.Now += relaytest.ChallengeInterval
		c.Handle(p, two.Probe())
		tokens[i], _ = tokenIn(t, two, taken(c, p))
	}
	for i, p := range paths {
		body := netproto.AppendChallengeReply(nil, netproto.ChallengeReply{Token: [8]byte(tokens[i]), Also: i > 0})
		if drop := c.Handle(p, two.Sealed(netproto.TypeChallengeReply, body)); drop != forward.Kept {
			t.Fatal(drop)
		}
	}
	wantVoice(t, c, talker, map[netip.AddrPort]int{paths[0]: 1, paths[1]: 1})
}

// Somebody with two paths who talks gets what the others say at the same time by both, and nothing of its own.
func TestTalkerWithTwoPaths(t *testing.T) {
	c, talker, two, other := twoPaths(t)
	third := c.Settled("", "third")
	clear(c.Boxes)
	heard := talker.Said("what the other one says")
	c.Worker.Queue(c.Now, forward.Path{Remote: two.Addr}, two.Said("what it says itself"))
	c.Worker.Queue(c.Now, forward.Path{Remote: talker.Addr}, slices.Clone(heard))
	c.Worker.Flush(c.Now)
	for _, at := range []netip.AddrPort{two.Addr, other.Remote} {
		two.Addr = at
		two.Hears(heard)
	}
	if box := third.Took(); len(box) != 1 {
		t.Errorf("%d packets for who only listens", len(box))
	}
}
