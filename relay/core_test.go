package relay

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tincan-voice/tincan/netproto"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testCore is a Core with one Worker and a network without delay.
type testCore struct {
	*Core
	t      *testing.T
	now    time.Duration
	worker *Worker
	boxes  map[netip.AddrPort][][]byte // what was sent to each address
	sizes  int                         // bytes of the answers to the last datagram
}

func newTestCore(t *testing.T, cfg CoreConfig) *testCore {
	c := &testCore{Core: NewCore(cfg), t: t, now: time.Hour, boxes: make(map[netip.AddrPort][][]byte)}
	c.worker = c.NewWorker(SendFunc(func(to netip.AddrPort, d []byte) {
		c.boxes[to] = append(c.boxes[to], slices.Clone(d))
		c.sizes += len(d)
	}))
	return c
}

func (c *testCore) handle(from netip.AddrPort, d []byte) Drop {
	c.now += time.Microsecond
	c.sizes = 0
	return c.worker.Handle(c.now, from, d)
}

// testClient is the far end of one session.
type testClient struct {
	Membership
	core   *testCore
	addr   netip.AddrPort
	tagger *netproto.HopTagger
	tag    *netproto.TagKey
	up     *netproto.Sealer
	down   *netproto.Sealer
	voice  *netproto.Sealer
	seq    [8]uint32
}

var nextPort uint16

func newAddr() netip.AddrPort {
	nextPort++
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(nextPort >> 8), byte(nextPort)}), 5000)
}

func (c *testCore) join(room, name string) *testClient {
	c.t.Helper()
	m, err := c.Join(c.now, Newcomer{Room: room, Name: name, Voice: 1})
	if err != nil {
		c.t.Fatal(err)
	}
	return &testClient{
		Membership: m, core: c, addr: newAddr(), tagger: netproto.NewHopTagger(), tag: m.HopKey.TagKey(),
		up: netproto.NewSealer(m.HopKey.Up()), down: netproto.NewSealer(m.HopKey.Down()),
		voice: netproto.NewSealer(netproto.VoiceKey(m.Secret, m.Session, m.Epoch)),
	}
}

// settled joins and proves the address.
func (c *testCore) settled(room, name string) *testClient {
	c.t.Helper()
	cl := c.join(room, name)
	cl.settle()
	return cl
}

func (cl *testClient) sealed(t netproto.Type, body []byte) []byte {
	cl.seq[t]++
	return cl.up.Seal(nil, netproto.Header{Type: t, Session: cl.Session, Seq: cl.seq[t]}, body)
}

func (cl *testClient) probe() []byte {
	return cl.sealed(netproto.TypeProbe, netproto.AppendProbe(nil, netproto.Probe{Time: 77}))
}

// said is a datagram of voice as the client sends it; the relay forwards it
// without the hop tag.
func (cl *testClient) said(text string) []byte { return cl.saidAt(text, 10, true) }

func (cl *testClient) saidAt(text string, level uint8, voice bool) []byte {
	cl.seq[netproto.TypeVoice]++
	h := netproto.Header{Session: cl.Session, Seq: cl.seq[netproto.TypeVoice], Level: level, Voice: voice}
	return cl.tagged(cl.voice.Seal(nil, h, []byte(text)), netproto.Hop{Count: cl.count()})
}

// count is that of the last datagram of voice: the test clients send one for each frame.
func (cl *testClient) count() uint8 { return uint8(cl.seq[netproto.TypeVoice] % netproto.HopCounts) }

func (cl *testClient) tagged(sealed []byte, hop netproto.Hop) []byte {
	return cl.tagger.Append(cl.tag, netproto.AppendHop(sealed, hop))
}

// again is a datagram that said has made, as it is sent a second time.
func (cl *testClient) again(d []byte) []byte {
	sealed, hop, err := netproto.SplitHop(d[:len(d)-netproto.HopTagSize])
	if err != nil {
		cl.core.t.Fatal(err)
	}
	return cl.tagged(slices.Clone(sealed), netproto.Hop{Count: hop.Count, Again: true})
}

// took empties the client's box.
func (cl *testClient) took() [][]byte {
	b := cl.core.boxes[cl.addr]
	delete(cl.core.boxes, cl.addr)
	return b
}

// answer answers the challenge in the client's box.
func (cl *testClient) answer() {
	cl.core.t.Helper()
	for _, d := range cl.took() {
		if h, _ := netproto.ParseHeader(d); h.Type == netproto.TypeChallenge {
			body, err := cl.down.Open(nil, d)
			if err != nil {
				cl.core.t.Fatal(err)
			}
			if drop := cl.core.handle(cl.addr, cl.sealed(netproto.TypeChallengeReply, body)); drop != Kept {
				cl.core.t.Fatalf("challenge reply: %v", drop)
			}
			return
		}
	}
	cl.core.t.Fatalf("%v got no challenge", cl.addr)
}

func (cl *testClient) settle() {
	cl.core.t.Helper()
	cl.core.now += challengeInterval
	if drop := cl.core.handle(cl.addr, cl.probe()); drop != Kept {
		cl.core.t.Fatalf("probe: %v", drop)
	}
	cl.answer()
}

// hears wants exactly these datagrams (with their hop tags) in the box.
func (cl *testClient) hears(want ...[]byte) {
	cl.core.t.Helper()
	got := cl.took()
	if len(got) != len(want) {
		cl.core.t.Fatalf("session %d heard %d datagrams, want %d", cl.Session, len(got), len(want))
	}
	for i := range want {
		if w := len(want[i]) - netproto.HopTagSize - netproto.HopSize; !slices.Equal(got[i][:len(got[i])-netproto.HopSize], want[i][:w]) {
			cl.core.t.Fatalf("session %d: datagram %d is not what was said", cl.Session, i)
		}
	}
}

func TestForward(t *testing.T) {
	c := newTestCore(t, CoreConfig{})
	a, b, d := c.settled("r", "a"), c.settled("r", "b"), c.settled("r", "d")
	other := c.settled("s", "other")
	unproven := c.join("r", "unproven")
	legacy, err := c.Join(c.now, Newcomer{Room: "r", Name: "legacy", Voice: 0})
	if err != nil || legacy.HopKey != (netproto.HopKey{}) {
		t.Fatal(legacy, err)
	}
	hello := a.said("hello")
	if drop := c.handle(a.addr, hello); drop != Kept {
		t.Fatal(drop)
	}
	a.hears()
	b.hears(hello)
	d.hears(hello)
	other.hears()
	unproven.hears()

	// Someone whose address is not proven yet is heard, and challenged.
	first := unproven.said("first")
	if drop := c.handle(unproven.addr, first); drop != Kept {
		t.Fatal(drop)
	}
	a.hears(first)
	b.hears(first)
	d.hears(first)
	unproven.answer()
	again := b.said("again")
	c.handle(b.addr, again)
	unproven.hears(again)
	b.hears()

	c.Leave(a.Session)
	if drop := c.handle(a.addr, a.said("gone")); drop != DropUnknown {
		t.Errorf("voice after leaving: %v", drop)
	}
	if len(c.boxes[other.addr]) != 0 {
		t.Error("another room heard something")
	}
	if st := c.Stats(); st.Forwarded != 3 || st.Delivered != 2+3+3 {
		t.Errorf("stats: %+v", st)
	}
}

func TestDrops(t *testing.T) {
	c := newTestCore(t, CoreConfig{})
	a, b := c.settled("", "a"), c.settled("", "b")
	other := c.settled("other", "c")
	legacy, _ := c.Join(c.now, Newcomer{Room: "", Name: "legacy", Voice: 0})

	change := func(d []byte, at int) []byte {
		d = slices.Clone(d)
		if at < 0 {
			at += len(d)
		}
		d[at] ^= 1
		return d
	}
	good := a.said("good")
	if drop := c.handle(a.addr, slices.Clone(good)); drop != Kept {
		t.Fatal(drop)
	}
	b.hears(good)
	foreign := func() []byte { // b's tag on a's datagram
		d := a.said("x")
		return b.tagger.Append(b.tag, d[:len(d)-netproto.HopTagSize])
	}()
	bundle, _ := netproto.AppendBundle(nil, good)
	tests := []struct {
		name string
		d    []byte
		want Drop
	}{
		{"empty", nil, DropMalformed},
		{"one byte", good[:1], DropMalformed},
		{"header only", good[:netproto.HeaderSize], DropMalformed},
		{"cut", good[:len(good)-1], DropForged},
		{"longer", append(slices.Clone(good), 0), DropForged},
		{"too long", make([]byte, netproto.MaxDatagram+1), DropMalformed},
		{"version 0", append([]byte{0}, good[1:]...), DropVersion},
		{"version 2", append([]byte{2 << 6}, good[1:]...), DropVersion},
		{"unknown type", change(good, 0)[:0:0], DropMalformed},
		{"type 15", append([]byte{good[0] | 15}, good[1:]...), DropType},
		{"bundle upwards", bundle, DropType},
		{"ack upwards", a.sealed(netproto.TypeProbeAck, make([]byte, 16)), DropType},
		{"challenge upwards", a.sealed(netproto.TypeChallenge, make([]byte, 8)), DropType},
		{"replayed", good, DropReplayed},
		{"sequence 0", func() []byte {
			d := a.voice.Seal(nil, netproto.Header{Session: a.Session}, []byte("x"))
			return a.tagged(d, netproto.Hop{})
		}(), DropReplayed},
		{"other epoch", change(a.said("x"), 0), DropForged},
		{"other session of the room", append(append(slices.Clone(good[:4]), byte(b.Session)), good[5:]...), DropForged},
		{"other session of another room", append(append(slices.Clone(good[:4]), byte(other.Session)), good[5:]...), DropForged},
		{"legacy session", append(append(slices.Clone(good[:4]), byte(legacy.Session)), good[5:]...), DropUnknown},
		{"no such session", append(append(slices.Clone(good[:1]), 9), good[2:]...), DropUnknown},
		{"number changed", change(a.said("x"), 8), DropForged},
		{"level changed", change(a.said("x"), 9), DropForged},
		{"body changed", change(a.said("x"), 10), DropForged},
		{"seal changed", change(a.said("x"), -5), DropForged},
		{"tag changed", change(a.said("x"), -1), DropForged},
		{"foreign tag", foreign, DropForged},
		{"probe changed", change(a.probe(), 12), DropForged},
		{"short probe", a.sealed(netproto.TypeProbe, []byte("short")), DropMalformed},
		{"unasked reply", a.sealed(netproto.TypeChallengeReply, make([]byte, 8)), DropPath},
		{"short reply", a.sealed(netproto.TypeChallengeReply, make([]byte, 3)), DropMalformed},
	}
	stranger := newAddr()
	for _, tt := range tests {
		for _, from := range []netip.AddrPort{a.addr, stranger} {
			drop := c.handle(from, tt.d)
			if drop != tt.want && (from == a.addr || drop != DropReplayed) {
				t.Errorf("%s: %v, want %v", tt.name, drop, tt.want)
			}
			if drop == DropReplayed && tt.want != DropReplayed && from == a.addr {
				t.Errorf("%s: replayed", tt.name)
			}
			if c.sizes != 0 {
				t.Errorf("%s: %d bytes sent", tt.name, c.sizes)
			}
		}
	}
	if len(c.boxes) != 0 {
		t.Errorf("something was sent: %v", c.boxes)
	}
}

func TestRandomDatagrams(t *testing.T) {
	c := newTestCore(t, CoreConfig{StrangerRate: 1e9})
	a, b := c.settled("", "a"), c.settled("", "b")
	good := a.said("hello")
	rng := rand.New(rand.NewPCG(1, 1))
	for range 10000 {
		d := make([]byte, rng.IntN(80))
		for i := range d {
			d[i] = byte(rng.Uint32())
		}
		if rng.IntN(2) == 0 && len(d) >= 9 {
			copy(d, good[:5]) // ours, as far as one can see
		}
		if drop := c.handle(a.addr, d); drop == Kept {
			t.Fatalf("%x was kept", d)
		}
	}
	if len(c.boxes) != 0 {
		t.Error("something was sent")
	}
	c.handle(a.addr, good)
	b.hears(good)
}

func TestPathChallenge(t *testing.T) {
	c := newTestCore(t, CoreConfig{})
	a, b := c.settled("", "a"), c.settled("", "b")
	home := b.addr

	// b moves: until it answers from there, its voice goes to the old place.
	b.addr = newAddr()
	c.now += challengeInterval
	if drop := c.handle(b.addr, b.said("from elsewhere, long enough")); drop != Kept {
		t.Fatal(drop)
	}
	one := a.said("one")
	c.handle(a.addr, one)
	if got := c.boxes[home]; len(got) != 1 {
		t.Fatalf("%d datagrams at the old address", len(got))
	}
	b.answer()
	a.took()
	two := a.said("two")
	c.handle(a.addr, two)
	b.hears(two)
	if len(c.boxes[home]) != 1 {
		t.Error("still sent to the old address")
	}

	// A captured datagram sent from elsewhere moves nothing: the answer is missing.
	captured := b.said("captured by somebody on the way")
	thief := newAddr()
	c.now += challengeInterval
	c.handle(thief, captured)
	if n := len(c.boxes[thief]); n != 1 || len(c.boxes[thief][0]) > len(captured) {
		t.Fatalf("%d answers for %d bytes", n, len(captured))
	}
	// Not even with the answer from the wrong place.
	d := c.boxes[thief][0]
	body, err := b.down.Open(nil, d)
	if err != nil {
		t.Fatal(err)
	}
	if drop := c.handle(newAddr(), b.sealed(netproto.TypeChallengeReply, body)); drop != DropPath {
		t.Error(drop)
	}
	three := a.said("three")
	c.handle(a.addr, three)
	b.hears(three)

	// Challenges are rare, and a lost one is repeated.
	b.addr = newAddr()
	for range 10 {
		c.handle(b.addr, b.probe())
	}
	count := func() (n int) {
		for _, d := range b.took() {
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
		c.now += challengeInterval
		c.handle(b.addr, b.probe())
		c.handle(b.addr, b.probe())
		if n := count(); n != 1 {
			t.Errorf("%d challenges per interval", n)
		}
	}
}

func TestProbe(t *testing.T) {
	c := newTestCore(t, CoreConfig{})
	a := c.settled("", "a")
	p := a.probe()
	if drop := c.handle(a.addr, p); drop != Kept || c.sizes != len(p) {
		t.Fatalf("%v, %d bytes for %d", drop, c.sizes, len(p))
	}
	d := a.took()[0]
	body, err := a.down.Open(nil, d)
	if err != nil {
		t.Fatal(err)
	}
	ack, err := netproto.ParseProbeAck(body)
	if err != nil || ack.Echo != 77 || ack.Time != uint64(c.now/time.Microsecond) {
		t.Errorf("%+v, %v", ack, err)
	}
}

func TestSilence(t *testing.T) {
	c := newTestCore(t, CoreConfig{})
	a, b := c.settled("", "a"), c.settled("", "b")
	for range 31 {
		c.now += time.Second
		c.handle(a.addr, a.probe())
		c.Tick(c.now)
		a.took()
	}
	lost := a.said("nobody there")
	c.handle(a.addr, lost)
	b.hears()
	// It comes back where it was: no new challenge.
	c.handle(b.addr, b.probe())
	b.took()
	back := a.said("back")
	c.handle(a.addr, back)
	b.hears(back)
}

func TestLimits(t *testing.T) {
	c := newTestCore(t, CoreConfig{MaxSessions: 5, MaxRooms: 2, MaxRoomSize: 2})
	first := c.join("a", "1")
	c.join("a", "2")
	if _, err := c.Join(c.now, Newcomer{Room: "a", Name: "3", Voice: 1}); !errors.Is(err, ErrRoomFull) {
		t.Error(err)
	}
	c.join("b", "4")
	if _, err := c.Join(c.now, Newcomer{Room: "c", Name: "5", Voice: 1}); !errors.Is(err, ErrTooManyRooms) {
		t.Error(err)
	}
	c.Leave(first.Session)
	next := c.join("a", "6")
	if next.Session == first.Session {
		t.Error("a session ID given twice")
	}
	c.join("b", "7")
	c.cfg.MaxRooms = 3
	c.join("c", "8")
	if _, err := c.Join(c.now, Newcomer{Room: "c", Name: "9", Voice: 1}); !errors.Is(err, ErrServerFull) {
		t.Error(err)
	}
}

func TestUpdates(t *testing.T) {
	c := newTestCore(t, CoreConfig{})
	a := c.join("r", "a")
	updates, _ := c.Tick(c.now)
	if len(updates) != 1 || !updates[0].NewUsers || updates[0].NewEpoch || !slices.Equal(updates[0].Users.Names, []string{"a"}) {
		t.Fatalf("%+v", updates)
	}
	// A crowd comes: one list, when its time has come.
	for i := range 9 {
		c.join("r", fmt.Sprint(i))
	}
	updates, next := c.Tick(c.now)
	if len(updates) != 0 || next != c.now+10*time.Millisecond {
		t.Fatalf("%d updates, next in %v", len(updates), next-c.now)
	}
	updates, _ = c.Tick(next)
	if len(updates) != 1 || len(updates[0].Users.Names) != 10 {
		t.Fatalf("%+v", updates)
	}
	// Two leave: the secret changes at once, and then not for a second.
	c.now = next + time.Second
	c.Leave(a.Session)
	updates, _ = c.Tick(c.now)
	if len(updates) != 1 || !updates[0].NewEpoch || updates[0].Epoch != 1 || updates[0].Secret == a.Secret {
		t.Fatalf("%+v", updates)
	}
	c.Leave(updates[0].Users.Sessions[0])
	secret := updates[0].Secret
	c.now += 50 * time.Millisecond
	updates, next = c.Tick(c.now)
	if len(updates) != 1 || updates[0].NewEpoch || !updates[0].NewUsers {
		t.Fatalf("%+v", updates)
	}
	for n := 0; ; n++ {
		if updates, next = c.Tick(next); len(updates) > 0 {
			break
		}
		if n > 10 {
			t.Fatal("no new epoch")
		}
	}
	if !updates[0].NewEpoch || updates[0].Epoch != 2 || updates[0].Secret == secret {
		t.Fatalf("%+v", updates)
	}
	// A client without voice never had the secret.
	m, _ := c.Join(c.now, Newcomer{Room: "r", Name: "legacy", Voice: 0})
	c.Tick(c.now + 2*time.Second)
	c.Leave(m.Session)
	updates, _ = c.Tick(c.now + 4*time.Second)
	if len(updates) != 1 || updates[0].NewEpoch {
		t.Fatalf("%+v", updates)
	}
	// The last ones go, and so does the room.
	for _, s := range c.Sessions() {
		c.Leave(s.Session)
	}
	if updates, _ := c.Tick(c.now + 9*time.Second); len(updates) != 0 || len(c.rooms) != 0 {
		t.Errorf("%+v", updates)
	}
}

func TestHandleAllocs(t *testing.T) {
	c := NewCore(CoreConfig{SessionRate: 1e9})
	tc := &testCore{Core: c, t: t, boxes: make(map[netip.AddrPort][][]byte)}
	tc.worker = c.NewWorker(SendFunc(func(to netip.AddrPort, d []byte) { tc.boxes[to] = append(tc.boxes[to], slices.Clone(d)) }))
	a := tc.settled("", "a")
	for range 10 {
		tc.settled("", "b")
	}
	w := c.NewWorker(SendFunc(func(netip.AddrPort, []byte) {}))
	voice := make([][]byte, 200)
	probes := make([][]byte, 200)
	for i := range voice {
		voice[i], probes[i] = a.said("some sixty bytes of voice, as they come out of an encoder"), a.probe()
	}
	i := 0
	allocs := testing.AllocsPerRun(len(voice)-1, func() {
		if drop := w.Handle(tc.now, a.addr, voice[i]); drop != Kept {
			t.Fatal(drop)
		}
		if drop := w.Handle(tc.now, a.addr, probes[i]); drop != Kept {
			t.Fatal(drop)
		}
		i++
	})
	if allocs != 0 {
		t.Errorf("%v allocations for a datagram of voice and a probe", allocs)
	}
}
