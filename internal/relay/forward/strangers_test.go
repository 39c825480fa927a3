package forward_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/forward"
	"github.com/tincan-voice/tincan/internal/relay/relaytest"
	"github.com/tincan-voice/tincan/internal/relay/rooms"
	"github.com/tincan-voice/tincan/netproto"
)

func TestSessionRate(t *testing.T) {
	c := relaytest.New(t, rooms.Config{SessionRate: 100})
	a, b := c.Settled("", "a"), c.Settled("", "b")
	c.Now += time.Minute
	kept := 0
	for range 1000 {
		if c.Handle(a.Addr, a.Said("x")) == forward.Kept {
			kept++
		}
	}
	if kept < 200 || kept > 205 {
		t.Errorf("%d kept of a flood", kept)
	}
	b.Took()
	ok := b.Said("not b's fault")
	c.Handle(b.Addr, ok)
	a.Hears(ok)
}

func TestStrangerRate(t *testing.T) {
	c := relaytest.New(t, rooms.Config{StrangerRate: 100})
	a, b := c.Settled("", "a"), c.Settled("", "b")
	forged := a.Said("x")
	forged[12] ^= 1
	src, seen := netip.MustParseAddrPort("192.0.2.1:1"), make(map[forward.Drop]int)
	for range 1000 {
		seen[c.Handle(src, forged)]++
	}
	// A second's worth of the address and one of the session, a little more for what the
	// flood takes.
	if n := seen[forward.DropForged]; n < 200 || n > 210 || seen[forward.DropStranger]+n != 1000 {
		t.Errorf("%v", seen)
	}
	ok := a.Said("from home")
	c.Handle(a.Addr, ok)
	b.Hears(ok)
}

// Any number of sessions behind one address get their paths at once, and when somebody
// there has used up all looks with forgeries too, but for the session that he forges.
func TestManyBehindOneAddress(t *testing.T) {
	c := relaytest.New(t, rooms.Config{StrangerRate: 10})
	nat := netip.MustParseAddr("192.0.2.1")
	settle := func(flood []byte) {
		t.Helper()
		for i := range 200 {
			cl := c.Enter(fmt.Sprint("room ", i/4), "n")
			cl.Addr = netip.AddrPortFrom(nat, uint16(1000+i))
			for range 20 {
				if flood != nil {
					c.Handle(netip.AddrPortFrom(nat, 1), flood)
				}
			}
			cl.Settle()
			if !c.HasPath(cl) {
				t.Fatalf("session %d has no path", i)
			}
		}
	}
	settle(nil)
	a := c.Settled("", "a")
	forged := a.Said("x")
	forged[12] ^= 1
	settle(forged)
}

// Whoever repeats a datagram uses up nothing of the session's.
func TestReplaysCostTheSessionNothing(t *testing.T) {
	c := relaytest.New(t, rooms.Config{SessionRate: 100})
	a, b := c.Settled("", "a"), c.Settled("", "b")
	c.Now += time.Minute
	for _, d := range [][]byte{a.Probe(), a.Sealed(netproto.TypeChallengeReply, make([]byte, 8)), a.Said("once")} {
		for i := range 1000 {
			if drop := c.Handle(a.Addr, d); i > 0 && drop != forward.DropReplayed {
				t.Fatalf("datagram %d: %v", i, drop)
			}
		}
	}
	b.Took()
	ok := a.Said("still here")
	c.Handle(a.Addr, ok)
	b.Hears(ok)
}
