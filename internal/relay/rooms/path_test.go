package rooms_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/forward"
	"github.com/tincan-voice/tincan/internal/relay/relaytest"
	"github.com/tincan-voice/tincan/internal/relay/rooms"
	"github.com/tincan-voice/tincan/netproto"
)

func TestPathChallenge(t *testing.T) {
	c := relaytest.New(t, rooms.Config{})
	a, b := c.Settled("", "a"), c.Settled("", "b")
	home := b.Addr

	// b moves: until it answers from there, its voice goes to the old place.
	b.Addr = relaytest.NewAddr()
	c.Now += relaytest.ChallengeInterval
	if drop := c.Handle(b.Addr, b.Said("from elsewhere, long enough")); drop != forward.Kept {
		t.Fatal(drop)
	}
	one := a.Said("one")
	c.Handle(a.Addr, one)
	if got := c.Boxes[home]; len(got) != 1 {
		t.Fatalf("%d datagrams at the old address", len(got))
	}
	b.Answer()
	a.Took()
	two := a.Said("two")
	c.Handle(a.Addr, two)
	b.Hears(two)
	if len(c.Boxes[home]) != 1 {
		t.Error("still sent to the old address")
	}

	// A captured datagram sent from elsewhere moves nothing: the answer is missing.
	captured := b.Said("captured by somebody on the way")
	thief := relaytest.NewAddr()
	c.Now += relaytest.ChallengeInterval
	c.Handle(thief, captured)
	if n := len(c.Boxes[thief]); n != 1 || len(c.Boxes[thief][0]) > len(captured) {
		t.Fatalf("%d answers for %d bytes", n, len(captured))
	}
	// Not even with the answer from the wrong place.
	d := c.Boxes[thief][0]
	body, err := b.Down.Open(nil, d)
	if err != nil {
		t.Fatal(err)
	}
	if drop := c.Handle(relaytest.NewAddr(), b.Sealed(netproto.TypeChallengeReply, body)); drop != forward.DropPath {
		t.Error(drop)
	}
	three := a.Said("three")
	c.Handle(a.Addr, three)
	b.Hears(three)

	// Challenges are rare, and a lost one is repeated.
	b.Addr = relaytest.NewAddr()
	for range 10 {
		c.Handle(b.Addr, b.Probe())
	}
	count := func() (n int) {
		for _, d := range b.Took() {
			if h, _ := netproto.ParseHeader(d); h.Type == netproto.TypeChallenge {
				n++
			}
		}
		return n
	}
	if n := count(); n != 0 {
		t.Errorf("%d challenges right after the last", n)
	}
	for range 3 {
		c.Now += relaytest.ChallengeInterval
		c.Handle(b.Addr, b.Probe())
		c.Handle(b.Addr, b.Probe())
		if n := count(); n != 1 {
			t.Errorf("%d challenges per interval", n)
		}
	}
}

func TestSilence(t *testing.T) {
	c := relaytest.New(t, rooms.Config{})
	a, b := c.Settled("", "a"), c.Settled("", "b")
	for range 31 {
		c.Now += time.Second
		c.Handle(a.Addr, a.Probe())
		c.Tick(c.Now)
		a.Took()
	}
	lost := a.Said("nobody there")
	c.Handle(a.Addr, lost)
	b.Hears()
	// It comes back where it was: no new challenge.
	c.Handle(b.Addr, b.Probe())
	b.Took()
	back := a.Said("back")
	c.Handle(a.Addr, back)
	b.Hears(back)
}

// After a minute in which the relay stood still nobody counts as silent until all have had
// their time again.
func TestNobodyIsSilentAfterAStandstill(t *testing.T) {
	c := relaytest.New(t, rooms.Config{SilenceTimeout: 30 * time.Second})
	for range 2 {
		c.Settled("", "a")
	}
	one := c.Settled("", "b")
	listening := func() (n int) {
		for _, s := range c.Sessions() {
			if s.Listening {
				n++
			}
		}
		return n
	}
	c.Tick(c.Now)
	c.Now += time.Minute
	c.Wake(c.Now)
	c.Tick(c.Now)
	if n := listening(); n != 3 {
		t.Errorf("%d of 3 are sent to", n)
	}
	c.Now += 20 * time.Second
	c.Handle(one.Addr, one.Probe())
	c.Now += 11 * time.Second
	c.Tick(c.Now)
	if n := listening(); n != 1 {
		t.Errorf("%d are sent to, and all but one have been silent for 31 s", n)
	}
}

// tokenIn returns the token of the challenge among these datagrams.
func tokenIn(t *testing.T, cl *relaytest.Client, datagrams [][]byte) (token []byte, ok bool) {
	t.Helper()
	for _, d := range datagrams {
		if h, _ := netproto.ParseHeader(d); h.Type == netproto.TypeChallenge {
			body, err := cl.Down.Open(nil, d)
			if err != nil {
				t.Fatal(err)
			}
			return body, true
		}
	}
	return nil, false
}

// However many addresses a session has, and however fast it answers: it moves ten times a second.
func TestMovesPerSecond(t *testing.T) {
	for _, addresses := range []int{2, 3, 50} {
		c := relaytest.New(t, rooms.Config{})
		a, b := c.Settled("", "a"), c.Settled("", "b")
		homes := make([]netip.AddrPort, addresses)
		for i := range homes {
			homes[i] = relaytest.NewAddr()
		}
		const seconds = 10
		moves := 0
		c.Now += time.Second
		for i, end := 0, c.Now+seconds*time.Second; c.Now < end; i++ {
			a.Addr = homes[i%addresses]
			c.Handle(a.Addr, a.Probe())
			if token, ok := tokenIn(t, a, a.Took()); ok {
				if c.Handle(a.Addr, a.Sealed(netproto.TypeChallengeReply, token)) == forward.Kept && c.HasPath(a) {
					moves++
				}
			}
			c.Now += 6 * time.Millisecond // about what its datagram rate allows
		}
		if moves < 8*seconds || moves > 10*seconds {
			t.Errorf("%d addresses: %d moves in %d s", addresses, moves, seconds)
		}
		// And a real move is at once, as ever.
		c.Now += time.Second
		a.Addr = relaytest.NewAddr()
		c.Handle(a.Addr, a.Probe())
		a.Answer()
		heard := b.Said("there?")
		c.Handle(b.Addr, heard)
		a.Hears(heard)
	}
}

// What a member can draw on an address that is not its own: for each datagram with a forged source one answer as
// large at most, and ten challenges per second. It does not matter whether it moves meanwhile, or
// is resumed, or names many victims.
func TestChallengesAtThirdParties(t *testing.T) {
	for _, tt := range []struct {
		name    string
		victims int
		moves   bool // between two addresses of its own, as often as it can
		resumes bool
		voice   bool // in place of probes
	}{
		{"one victim", 1, false, false, false},
		{"many victims", 100, false, false, false},
		{"voice", 5, false, false, true},
		{"moving", 1, true, false, false},
		{"moving, many victims", 100, true, false, true},
		{"resuming", 1, false, true, false},
		{"resuming and moving", 3, true, true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := relaytest.New(t, rooms.Config{})
			a, b := c.Settled("", "a"), c.Settled("", "b")
			own := []netip.AddrPort{a.Addr, relaytest.NewAddr()}
			victims := make([]netip.AddrPort, tt.victims)
			for i := range victims {
				victims[i] = relaytest.NewAddr()
			}
			c.Now += time.Second
			forged, datagrams, challenges, answered := 0, 0, 0, 0
			const seconds = 10
			for i, end := 0, c.Now+seconds*time.Second; c.Now < end; i++ {
				victim := victims[i%tt.victims]
				d := a.Probe()
				if tt.voice {
					d = a.Said("forty bytes or so of a sealed body")
				}
				forged += len(d)
				datagrams++
				c.Handle(victim, d)
				for _, d := range c.Boxes[victim] {
					answered += len(d)
					switch h, _ := netproto.ParseHeader(d); h.Type {
					case netproto.TypeChallenge:
						challenges++
					case netproto.TypeProbeAck:
					default:
						t.Fatalf("%v for somebody who has not asked", h.Type)
					}
				}
				delete(c.Boxes, victim)
				c.Handle(b.Addr, b.Said("nobody's business there"))
				if tt.moves {
					a.Addr = own[i%2]
					c.Handle(a.Addr, a.Probe())
					if token, ok := tokenIn(t, a, a.Took()); ok {
						c.Handle(a.Addr, a.Sealed(netproto.TypeChallengeReply, token))
					}
				}
				if tt.resumes && i%10 == 0 && !resume(c, a, "", "a") {
					t.Fatal("not resumed")
				}
				clear(c.Boxes)
				c.Now += 12 * time.Millisecond
			}
			if challenges > 10*seconds {
				t.Errorf("%d challenges in %d s", challenges, seconds)
			}
			if most := forged + challenges*29; answered > most {
				t.Errorf("%d bytes drawn by %d", answered, forged)
			}
			if tt.voice && answered != 29*challenges {
				t.Errorf("%d bytes drawn, with %d challenges", answered, challenges)
			}
			if datagrams < 50*seconds {
				t.Errorf("only %d datagrams", datagrams)
			}
		})
	}
}
