package relay

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

func TestSessionRate(t *testing.T) {
	c := newTestCore(t, CoreConfig{SessionRate: 100})
	a, b := c.settled("", "a"), c.settled("", "b")
	c.now += time.Minute
	kept := 0
	for range 1000 {
		if c.handle(a.addr, a.said("x")) == Kept {
			kept++
		}
	}
	if kept < 200 || kept > 205 {
		t.Errorf("%d kept of a flood", kept)
	}
	b.took()
	ok := b.said("not b's fault")
	c.handle(b.addr, ok)
	a.hears(ok)
}

func TestStrangerRate(t *testing.T) {
	c := newTestCore(t, CoreConfig{StrangerRate: 100})
	a, b := c.settled("", "a"), c.settled("", "b")
	forged := a.said("x")
	forged[12] ^= 1
	src, seen := netip.MustParseAddrPort("192.0.2.1:1"), make(map[Drop]int)
	for range 1000 {
		seen[c.handle(src, forged)]++
	}
	// A second's worth of the address and one of the session, a little more for what the
	// flood takes.
	if n := seen[DropForged]; n < 200 || n > 210 || seen[DropStranger]+n != 1000 {
		t.Errorf("%v", seen)
	}
	ok := a.said("from home")
	c.handle(a.addr, ok)
	b.hears(ok)
}

// Any number of sessions behind one address get their paths at once, and when somebody
// there has used up all looks with forgeries too, but for the session that he forges.
func TestManyBehindOneAddress(t *testing.T) {
	c := newTestCore(t, CoreConfig{StrangerRate: 10})
	nat := netip.MustParseAddr("192.0.2.1")
	settle := func(flood []byte) {
		t.Helper()
		for i := range 200 {
			cl := c.join(fmt.Sprint("room ", i/4), "n")
			cl.addr = netip.AddrPortFrom(nat, uint16(1000+i))
			for range 20 {
				if flood != nil {
					c.handle(netip.AddrPortFrom(nat, 1), flood)
				}
			}
			cl.settle()
			if !c.table.get(cl.Session).at(Path{Remote: cl.addr}) {
				t.Fatalf("session %d has no path", i)
			}
		}
	}
	settle(nil)
	a := c.settled("", "a")
	forged := a.said("x")
	forged[12] ^= 1
	settle(forged)
}

// Whoever repeats a datagram uses up nothing of the session's.
func TestReplaysCostTheSessionNothing(t *testing.T) {
	c := newTestCore(t, CoreConfig{SessionRate: 100})
	a, b := c.settled("", "a"), c.settled("", "b")
	c.now += time.Minute
	for _, d := range [][]byte{a.probe(), a.sealed(netproto.TypeChallengeReply, make([]byte, 8)), a.said("once")} {
		for i := range 1000 {
			if drop := c.handle(a.addr, d); i > 0 && drop != DropReplayed {
				t.Fatalf("datagram %d: %v", i, drop)
			}
		}
	}
	b.took()
	ok := a.said("still here")
	c.handle(a.addr, ok)
	b.hears(ok)
}
