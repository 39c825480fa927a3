package forward_test

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/forward"
	"github.com/tincan-voice/tincan/internal/relay/relaytest"
	"github.com/tincan-voice/tincan/internal/relay/rooms"
	"github.com/tincan-voice/tincan/netproto"
)

func TestForward(t *testing.T) {
	c := relaytest.New(t, rooms.Config{})
	a, b, d := c.Settled("r", "a"), c.Settled("r", "b"), c.Settled("r", "d")
	other := c.Settled("s", "other")
	unproven := c.Enter("r", "unproven")
	legacy, err := c.Join(c.Now, rooms.Newcomer{Room: "r", Name: "legacy", Voice: 0})
	if err != nil || legacy.HopKey != (netproto.HopKey{}) {
		t.Fatal(legacy, err)
	}
	hello := a.Said("hello")
	if drop := c.Handle(a.Addr, hello); drop != forward.Kept {
		t.Fatal(drop)
	}
	a.Hears()
	b.Hears(hello)
	d.Hears(hello)
	other.Hears()
	unproven.Hears()

	// Someone whose address is not proven yet is heard, and challenged.
	first := unproven.Said("first")
	if drop := c.Handle(unproven.Addr, first); drop != forward.Kept {
		t.Fatal(drop)
	}
	a.Hears(first)
	b.Hears(first)
	d.Hears(first)
	unproven.Answer()
	again := b.Said("again")
	c.Handle(b.Addr, again)
	unproven.Hears(again)
	b.Hears()

	c.Leave(a.Session)
	if drop := c.Handle(a.Addr, a.Said("gone")); drop != forward.DropUnknown {
		t.Errorf("voice after leaving: %v", drop)
	}
	if len(c.Boxes[other.Addr]) != 0 {
		t.Error("another room heard something")
	}
	if st := c.Stats(); st.Forwarded != 3 || st.Delivered != 2+3+3 {
		t.Errorf("stats: %+v", st)
	}
}

func TestDrops(t *testing.T) {
	c := relaytest.New(t, rooms.Config{})
	a, b := c.Settled("", "a"), c.Settled("", "b")
	other := c.Settled("other", "c")
	legacy, _ := c.Join(c.Now, rooms.Newcomer{Room: "", Name: "legacy", Voice: 0})

	change := func(d []byte, at int) []byte {
		d = slices.Clone(d)
		if at < 0 {
			at += len(d)
		}
		d[at] ^= 1
		return d
	}
	good := a.Said("good")
	if drop := c.Handle(a.Addr, slices.Clone(good)); drop != forward.Kept {
		t.Fatal(drop)
	}
	b.Hears(good)
	foreign := func() []byte { // b's tag on a's datagram
		d := a.Said("x")
		return b.Tagger.Append(b.Tag, d[:len(d)-netproto.HopTagSize])
	}()
	bundle, _ := netproto.AppendBundle(nil, good)
	tests := []struct {
		name string
		d    []byte
		want forward.Drop
	}{
		{"empty", nil, forward.DropMalformed},
		{"one byte", good[:1], forward.DropMalformed},
		{"header only", good[:netproto.HeaderSize], forward.DropMalformed},
		{"cut", good[:len(good)-1], forward.DropForged},
		{"longer", append(slices.Clone(good), 0), forward.DropForged},
		{"too long", make([]byte, netproto.MaxDatagram+1), forward.DropMalformed},
		{"version 0", append([]byte{0}, good[1:]...), forward.DropVersion},
		{"version 2", append([]byte{2 << 6}, good[1:]...), forward.DropVersion},
		{"unknown type", change(good, 0)[:0:0], forward.DropMalformed},
		{"type 15", append([]byte{good[0] | 15}, good[1:]...), forward.DropType},
		{"bundle upwards", bundle, forward.DropType},
		{"ack upwards", a.Sealed(netproto.TypeProbeAck, make([]byte, 16)), forward.DropType},
		{"challenge upwards", a.Sealed(netproto.TypeChallenge, make([]byte, 8)), forward.DropType},
		{"replayed", good, forward.DropReplayed},
		{"sequence 0", func() []byte {
			d := a.Voice.Seal(nil, netproto.Header{Session: a.Session}, []byte("x"))
			return a.Tagged(d, netproto.Hop{})
		}(), forward.DropReplayed},
		{"other epoch", change(a.Said("x"), 0), forward.DropForged},
		{"other session of the room", append(append(slices.Clone(good[:4]), byte(b.Session)), good[5:]...), forward.DropForged},
		{"other session of another room", append(append(slices.Clone(good[:4]), byte(other.Session)), good[5:]...), forward.DropForged},
		{"legacy session", append(append(slices.Clone(good[:4]), byte(legacy.Session)), good[5:]...), forward.DropUnknown},
		{"no such session", append(append(slices.Clone(good[:1]), 9), good[2:]...), forward.DropUnknown},
		{"number changed", change(a.Said("x"), 8), forward.DropForged},
		{"level changed", change(a.Said("x"), 9), forward.DropForged},
		{"body changed", change(a.Said("x"), 10), forward.DropForged},
		{"seal changed", change(a.Said("x"), -5), forward.DropForged},
		{"tag changed", change(a.Said("x"), -1), forward.DropForged},
		{"foreign tag", foreign, forward.DropForged},
		{"probe changed", change(a.Probe(), 12), forward.DropForged},
		{"short probe", a.Sealed(netproto.TypeProbe, []byte("short")), forward.DropMalformed},
		{"unasked reply", a.Sealed(netproto.TypeChallengeReply, make([]byte, 8)), forward.DropPath},
		{"short reply", a.Sealed(netproto.TypeChallengeReply, make([]byte, 3)), forward.DropMalformed},
	}
	stranger := relaytest.NewAddr()
	for _, tt := range tests {
		for _, from := range []netip.AddrPort{a.Addr, stranger} {
			drop := c.Handle(from, tt.d)
			if drop != tt.want && (from == a.Addr || drop != forward.DropReplayed) {
				t.Errorf("%s: %v, want %v", tt.name, drop, tt.want)
			}
			if drop == forward.DropReplayed && tt.want != forward.DropReplayed && from == a.Addr {
				t.Errorf("%s: replayed", tt.name)
			}
			if c.Sizes != 0 {
				t.Errorf("%s: %d bytes sent", tt.name, c.Sizes)
			}
		}
	}
	if len(c.Boxes) != 0 {
		t.Errorf("something was sent: %v", c.Boxes)
	}
}

func TestRandomDatagrams(t *testing.T) {
	c := relaytest.New(t, rooms.Config{StrangerRate: 1e9})
	a, b := c.Settled("", "a"), c.Settled("", "b")
	good := a.Said("hello")
	rng := rand.New(rand.NewPCG(1, 1))
	for range 10000 {
		d := make([]byte, rng.IntN(80))
		for i := range d {
			d[i] = byte(rng.Uint32())
		}
		if rng.IntN(2) == 0 && len(d) >= 9 {
			copy(d, good[:5]) // ours, as far as one can see
		}
		if drop := c.Handle(a.Addr, d); drop == forward.Kept {
			t.Fatalf("%x was kept", d)
		}
	}
	if len(c.Boxes) != 0 {
		t.Error("something was sent")
	}
	c.Handle(a.Addr, good)
	b.Hears(good)
}

func TestProbe(t *testing.T) {
	c := relaytest.New(t, rooms.Config{})
	a := c.Settled("", "a")
	p := a.Probe()
	if drop := c.Handle(a.Addr, p); drop != forward.Kept || c.Sizes != len(p) {
		t.Fatalf("%v, %d bytes for %d", drop, c.Sizes, len(p))
	}
	d := a.Took()[0]
	body, err := a.Down.Open(nil, d)
	if err != nil {
		t.Fatal(err)
	}
	ack, err := netproto.ParseProbeAck(body)
	if want := (netproto.ProbeAck{Echo: 77}); err != nil || ack != want {
		t.Errorf("%+v, %v", ack, err)
	}
}

// The answer to a probe tells how much voice came from the session and how much went to it.
func TestProbeAckCountsVoice(t *testing.T) {
	c := relaytest.New(t, rooms.Config{})
	a, b, capped := c.Settled("", "a"), c.Settled("", "b"), c.Settled("", "capped")
	report, err := netproto.AppendReport(nil, &netproto.Report{Cap: 16})
	if err != nil {
		t.Fatal(err)
	}
	c.Handle(capped.Addr, capped.Sealed(netproto.TypeReport, report))
	others := c.Settled("elsewhere", "other")
	said := make(map[*relaytest.Client]int)
	for i := range 100 {
		c.Now += 20 * time.Millisecond
		for _, talker := range []*relaytest.Client{a, b} {
			if talker == b && i%4 > 0 {
				continue
			}
			d := talker.Said("some sixty bytes of voice, as they come out of an encoder")
			for range 1 + i%2 { // some come twice
				c.Handle(talker.Addr, slices.Clone(d))
			}
			said[talker]++
		}
	}
	went := 0
	for _, d := range capped.Took() {
		if h, err := netproto.ParseHeader(d); err == nil && h.Type == netproto.TypeVoice {
			went++
		}
	}
	if went == 0 || went >= said[a]+said[b] {
		t.Fatalf("the one with a cap got %d of %d", went, said[a]+said[b])
	}
	tests := []struct {
		who        *relaytest.Client
		came, went int
	}{{a, said[a], said[b]}, {b, said[b], said[a]}, {capped, 0, went}, {others, 0, 0}}
	for _, tt := range tests {
		tt.who.Took()
		c.Handle(tt.who.Addr, tt.who.Probe())
		for _, d := range tt.who.Took() {
			if h, _ := netproto.ParseHeader(d); h.Type != netproto.TypeProbeAck {
				continue
			}
			body, err := tt.who.Down.Open(nil, d)
			if err != nil {
				t.Fatal(err)
			}
			ack, _ := netproto.ParseProbeAck(body)
			if int(ack.Came) != tt.came || int(ack.Went) != tt.went {
				t.Errorf("session %d: %+v, want %d, %d", tt.who.Session, ack, tt.came, tt.went)
			}
		}
	}
}

// A path is tried both ways with datagrams of any length, and no answer is longer than the probe.
func TestProbesAreAnsweredInTheirLength(t *testing.T) {
	c := relaytest.New(t, rooms.Config{})
	a := c.Settled("", "a")
	for _, size := range []int{10, 11, 400, netproto.MaxDatagram - netproto.HeaderSize - netproto.TagSize} {
		a.Took()
		d := a.Sealed(netproto.TypeProbe, make([]byte, size))
		c.Handle(a.Addr, d)
		if got := a.Took(); len(got) != 1 || len(got[0]) != len(d) {
			t.Errorf("a probe of %d bytes: %d answers", len(d), len(got))
		}
	}
}

func TestHandleAllocs(t *testing.T) {
	c := relaytest.New(t, rooms.Config{SessionRate: 1e9})
	a := c.Settled("", "a")
	for range 10 {
		c.Settled("", "b")
	}
	c.Out = func(netip.AddrPort, []byte) {}
	voice := make([][]byte, 200)
	probes := make([][]byte, 200)
	for i := range voice {
		voice[i], probes[i] = a.Said("some sixty bytes of voice, as they come out of an encoder"), a.Probe()
	}
	i := 0
	allocs := testing.AllocsPerRun(len(voice)-1, func() {
		if drop := c.Worker.Handle(c.Now, a.Addr, voice[i]); drop != forward.Kept {
			t.Fatal(drop)
		}
		if drop := c.Worker.Handle(c.Now, a.Addr, probes[i]); drop != forward.Kept {
			t.Fatal(drop)
		}
		i++
	})
	if allocs != 0 {
		t.Errorf("%v allocations for a datagram of voice and a probe", allocs)
	}
}
