package bench

import (
	"net/netip"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/forward"
	"github.com/tincan-voice/tincan/internal/relay/rooms"
	"github.com/tincan-voice/tincan/netproto"
)

// nowhere is the relay's way out when only the relay's own work is measured: it
// counts deliveries and remembers the last challenge.
type nowhere struct {
	deliveries int
	challenge  []byte
}

func (n *nowhere) Send(_ forward.Path, d []byte) bool {
	if t, err := netproto.DatagramType(d); err == nil && t == netproto.TypeChallenge {
		n.challenge = append(n.challenge[:0], d...)
	}
	return true
}

func (n *nowhere) Group(to []forward.Path) forward.Group { return &crowd{n, len(to)} }

// crowd is so many listeners nowhere.
type crowd struct {
	out  *nowhere
	size int
}

func (c *crowd) Send(_ []byte, skip []int) int {
	sent := c.size - len(skip)
	c.out.deliveries += sent
	return sent
}

// forwardBatch is how many datagrams are made at a time while the clock stands still:
// stopping it costs more than forwarding one.
const forwardBatch = 1024

// forwarding is the relay's own work for one datagram of a talker in a room of that many listeners, without
// sockets: tag check, replay window, choice of talkers and the hand-over to the prebuilt vector. No
// listener is touched, so it hardly depends on their number; fanout measures what they cost.
func forwarding(listeners int) func(*testing.B) {
	return func(b *testing.B) {
		core := rooms.NewCore(rooms.Config{SessionRate: 1 << 30, MaxRoomSize: listeners + 1})
		out := &nowhere{}
		worker := core.NewWorker(out)
		talker := enter(b, core, worker, out, 0)
		for i := range listeners {
			enter(b, core, worker, out, i+1)
		}
		core.Tick(0)

		tagger, tag := netproto.NewHopTagger(), talker.HopKey.TagKey()
		voice := netproto.NewSealer(netproto.VoiceKey(netproto.RoomSecret{1}, talker.Session, 1))
		body := make([]byte, 62)
		datagrams := make([][]byte, forwardBatch)
		h := netproto.Header{Type: netproto.TypeVoice, Epoch: 1, Session: talker.Session, Level: 20, Voice: true}
		var now time.Duration
		out.deliveries = 0
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if i%forwardBatch == 0 {
				b.StopTimer()
				for j := range datagrams {
					h.Seq++
					sealed := voice.Seal(datagrams[j][:0], h, body)
					hop := netproto.Hop{Count: uint8(h.Seq % netproto.HopCounts)}
					datagrams[j] = tagger.Append(tag, netproto.AppendHop(sealed, hop))
				}
				b.StartTimer()
			}
			now += frameTime
			if drop := worker.Handle(now, address(0), datagrams[i%forwardBatch]); drop != 0 {
				b.Fatalf("dropped: %v", drop)
			}
		}
		if out.deliveries != b.N*listeners {
			b.Fatalf("%d deliveries of %d datagrams to %d listeners", out.deliveries, b.N, listeners)
		}
		b.ReportMetric(0, "ns/op") // the same under a name that says less
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N), "ns/datagram")
	}
}

// probing is the relay's own work for a probe and its answer, without sockets.
func probing(b *testing.B) {
	core := rooms.NewCore(rooms.Config{SessionRate: 1 << 30})
	out := &nowhere{}
	worker := core.NewWorker(out)
	member := enter(b, core, worker, out, 0)
	up := netproto.NewSealer(member.HopKey.Up())
	probes := make([][]byte, forwardBatch)
	h := netproto.Header{Type: netproto.TypeProbe, Session: member.Session, Seq: 1}
	body := netproto.AppendProbe(nil, netproto.Probe{})
	var now time.Duration
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%forwardBatch == 0 {
			b.StopTimer()
			for j := range probes {
				h.Seq++
				probes[j] = up.Seal(probes[j][:0], h, body)
			}
			b.StartTimer()
		}
		now += frameTime
		if drop := worker.Handle(now, address(0), probes[i%forwardBatch]); drop != 0 {
			b.Fatalf("dropped: %v", drop)
		}
	}
	b.ReportMetric(0, "ns/op") // the same under a name that says less
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N), "ns/datagram")
}

// address is where the i-th member is.
func address(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 1, byte(i >> 8), byte(i)}), 4000)
}

// enter lets a member join the room and prove its address.
func enter(b *testing.B, core *rooms.Core, worker *forward.Worker, out *nowhere, i int) rooms.Membership {
	b.Helper()
	m, err := core.Join(0, rooms.Newcomer{Name: "member", Voice: netproto.Version})
	must(b, err)
	up, down := netproto.NewSealer(m.HopKey.Up()), netproto.NewSealer(m.HopKey.Down())
	send := func(t netproto.Type, body []byte) {
		h := netproto.Header{Type: t, Session: m.Session, Seq: 1}
		if drop := worker.Handle(0, address(i), up.Seal(nil, h, body)); drop != 0 {
			b.Fatalf("%v of member %d dropped: %v", t, i, drop)
		}
	}
	send(netproto.TypeProbe, netproto.AppendProbe(nil, netproto.Probe{}))
	body, err := down.Open(nil, out.challenge)
	must(b, err)
	challenge, err := netproto.ParseChallenge(body)
	must(b, err)
	send(netproto.TypeChallengeReply, netproto.AppendChallenge(nil, challenge))
	return m
}
