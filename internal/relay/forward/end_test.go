package forward_test

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/tincan-voice/tincan/internal/relay/forward"
	"github.com/tincan-voice/tincan/internal/relay/relaytest"
	"github.com/tincan-voice/tincan/netproto"
)

// heardEnd is an end that a client was told, with the newest datagram of voice that it had before.
type heardEnd struct {
	netproto.End
	newest uint32
}

// following is what one client has got of everyone's voice.
type following struct {
	t      *testing.T
	client *relaytest.Client
	newest map[uint32]uint32
	ends   map[uint32][]heardEnd // since that talker's last datagram of voice
	gaps   int                   // that ends explain
	most   int                   // ends before a gap
}

func follow(t *testing.T, cl *relaytest.Client) *following {
	return &following{t: t, client: cl, newest: map[uint32]uint32{}, ends: map[uint32][]heardEnd{}}
}

// take takes what is in the client's box.
func (f *following) take() {
	f.t.Helper()
	for _, d := range f.client.Took() {
		items, err := netproto.ParseBundle(nil, d)
		if err != nil {
			items = [][]byte{d}
		}
		for _, d := range items {
			f.one(d)
		}
	}
}

func (f *following) one(d []byte) {
	f.t.Helper()
	h, err := netproto.ParseHeader(d)
	if err != nil {
		f.t.Fatal(err)
	}
	if h.Type == netproto.TypeEnd {
		body, err := f.client.Down.Open(nil, d)
		if err != nil {
			f.t.Fatal(err)
		}
		ends, err := netproto.ParseEnds(nil, body)
		if err != nil || len(ends) != 1 {
			f.t.Fatal(ends, err)
		}
		e := ends[0]
		if e.Session == f.client.Session || f.newest[e.Session] != e.Seq {
			f.t.Errorf("session %d is told of %+v after %d", f.client.Session, e, f.newest[e.Session])
		}
		f.ends[e.Session] = append(f.ends[e.Session], heardEnd{e, f.newest[e.Session]})
		return
	}
	if h.Type != netproto.TypeVoice {
		return
	}
	if was := f.newest[h.Session]; was > 0 && h.Seq != was+1 {
		if len(f.ends[h.Session]) == 0 {
			f.t.Errorf("session %d hears %d after %d of %d, and no end", f.client.Session, h.Seq, was, h.Session)
		}
		f.gaps++
		f.most = max(f.most, len(f.ends[h.Session]))
	}
	f.newest[h.Session] = max(f.newest[h.Session], h.Seq)
	delete(f.ends, h.Session)
}

// Whoever loses a place while others are louder ends for all who heard it, and for nobody else; each is told a few times.
func TestEnds(t *testing.T) {
	sc := newScene(t, 4, 8)
	var all []*following
	for _, cl := range append(slices.Clone(sc.talkers), sc.ear) {
		all = append(all, follow(t, cl))
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for range 1000 {
		for i := range sc.talkers {
			if rng.IntN(200) > 0 { // else it says nothing
				sc.say(i, uint8(15+2*i+rng.IntN(8)), rng.IntN(10) > 0)
			}
		}
		for _, f := range all {
			f.take()
		}
		sc.c.Now = sc.c.Now.Truncate(frame) + frame
	}
	for _, f := range all {
		if f.gaps < 10 || f.most != 3 {
			t.Errorf("session %d: %d gaps, of one it is told %d times", f.client.Session, f.gaps, f.most)
		}
	}
}

// What comes late of a talker who has lost its place, and was said before that, goes where the rest went.
func TestLateAfterEnd(t *testing.T) {
	sc := newScene(t, 1, 2)
	for range 100 {
		sc.say(0, 40, true)
		sc.next()
	}
	a := sc.talkers[0]
	late := a.SaidAt("late", 40, true)
	sc.say(0, 40, true)
	for sc.next(); ; {
		sc.say(0, 40, true)
		sc.say(1, 10, true)
		if heard := sc.next(); slices.Equal(heard, []int{1}) {
			break
		}
	}
	if drop := sc.c.Handle(a.Addr, late); drop != forward.Kept || len(sc.took()[a.Session]) != 1 {
		t.Errorf("%v", drop)
	}
	if drop := sc.c.Handle(a.Addr, a.SaidAt("now", 40, true)); drop != forward.DropQuiet {
		t.Errorf("%v", drop)
	}
}

// Nor does it cost memory where places change.
func TestEndAllocs(t *testing.T) {
	sc := newScene(t, 1, 2)
	sc.c.Out = func(netip.AddrPort, []byte) {}
	const rounds, words = 20, 30
	var said [rounds + 2][2 * words][]byte
	for r := range said {
		for i := range said[r] {
			said[r][i] = sc.talkers[i/words].SaidAt("some sixty bytes of voice, as they come out of an encoder", 20, true)
		}
	}
	quiet := 0
	round := func(r int) { // one speaks, and the other one when that has stopped for long enough
		for i, d := range said[r] {
			if sc.c.Handle(sc.talkers[i/words].Addr, d) == forward.DropQuiet {
				quiet++
			}
			sc.c.Now += frame
		}
	}
	round(0)
	r := 0
	if n := testing.AllocsPerRun(rounds, func() { r++; round(r) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if quiet == 0 {
		t.Error("no place has changed")
	}
}
