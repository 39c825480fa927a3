package rooms_test

import (
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
