package forward_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/relaytest"
	"github.com/tincan-voice/tincan/internal/relay/rooms"
	"github.com/tincan-voice/tincan/netproto"
)

// step is one datagram of a script: what it is, how its number moves, how long after the one before it comes, and how
// long its body is.
func step(kind netproto.Type, leap, wait byte, body []byte) []byte {
	return append([]byte{byte(kind), leap, wait, byte(len(body))}, body...)
}

// FuzzMember: whatever a member says with the keys that it has, the relay goes on, and the others hear each other.
func FuzzMember(f *testing.F) {
	c := relaytest.New(f, rooms.Config{})
	c.Settled("", "liar")
	other := c.Settled("", "a").Session
	receipt := netproto.Receipt{Seq: 9, Count: 9, Reach: 9, Came: netproto.Bits{0x155}}
	report, err := netproto.AppendReport(nil, &netproto.Report{
		Cap: 16, Rate: 20, RTT: 50, Talkers: []netproto.TalkerReport{{Session: other, Receipt: receipt}}, Unopened: []uint32{other},
	})
	if err != nil {
		f.Fatal(err)
	}
	nack, err := netproto.AppendNack(nil, []netproto.NackBlock{{Session: other, Base: 1, Mask: 0xff}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(bytes.Join([][]byte{
		step(netproto.TypeVoice, 1, 20, []byte("spoken")), step(netproto.TypeReport, 1, 20, report), step(netproto.TypeNack, 1, 20, nack),
		step(netproto.TypeProbe, 1, 20, make([]byte, 16)), step(netproto.TypeChallengeReply, 1, 20, make([]byte, 8)),
	}, nil))
	f.Add(bytes.Repeat(step(netproto.TypeVoice, 31<<3|1, 255, nil), 9))
	f.Fuzz(func(t *testing.T, script []byte) {
		c := relaytest.New(t, rooms.Config{})
		liar, a, b := c.Settled("", "liar"), c.Settled("", "a"), c.Settled("", "b")
		elsewhere := relaytest.NewAddr()
		for len(script) >= 4 {
			kind, leap, wait, size := netproto.Type(script[0]&0xf), script[1], script[2], int(script[3])
			from, level := liar.Addr, script[0]>>1
			if script[0]&0x80 != 0 {
				from = elsewhere
			}
			script = script[4:]
			size = min(size, len(script))
			body := script[:size]
			script = script[size:]
			c.Now += time.Duration(wait) * time.Millisecond
			var d []byte
			if kind == netproto.TypeVoice {
				liar.Seq[kind] += uint32(leap&7) << (leap >> 3)
				h := netproto.Header{Session: liar.Session, Seq: liar.Seq[kind], Level: level, Voice: leap&1 != 0}
				d = liar.Tagged(liar.Voice.Seal(nil, h, body), netproto.Hop{Count: wait % netproto.HopCounts, Again: leap&2 != 0})
			} else {
				liar.Seq[kind&7] += uint32(leap&7) << (leap >> 3)
				d = liar.Up.Seal(nil, netproto.Header{Type: kind, Session: liar.Session, Seq: liar.Seq[kind&7]}, body)
			}
			c.Handle(from, d)
			c.Handle(a.Addr, a.Said("something to ask for again"))
		}
		c.Now += time.Minute
		c.Worker.Flush(c.Now)
		b.Took()
		c.Handle(b.Addr, b.Probe())
		said := a.Said("the truth")
		c.Handle(a.Addr, said)
		for _, d := range b.Took() {
			if n := len(said) - netproto.HopTagSize - netproto.HopSize; len(d) > n && bytes.Equal(d[:n], said[:n]) {
				return
			}
		}
		t.Error("b does not hear a")
	})
}
