package bench

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/engine"
	"github.com/tincan-voice/tincan/netproto"
)

// company is a listener and n talkers whose datagrams come one per 20 ms.
type company struct {
	listener *engine.Listener
	sealers  []*netproto.Sealer
	packets  [][]byte
	body     []byte
	datagram []byte
}

func newCompany(b *testing.B, n int) *company {
	b.Helper()
	secret := netproto.RoomSecret{1}
	c := &company{listener: engine.NewListener(engine.ListenerConfig{}), packets: frames(b)}
	c.listener.SetSecret(0, 0, secret)
	for i := range n {
		session := uint32(i + 1)
		c.sealers = append(c.sealers, netproto.NewSealer(netproto.VoiceKey(secret, session, 0)))
		c.listener.AddPeer(session, "talker")
	}
	return c
}

// arrive brings the frame of talker i with this number.
func (c *company) arrive(b *testing.B, now time.Duration, i int, number uint32) {
	h := netproto.Header{Type: netproto.TypeVoice, Session: uint32(i + 1), Seq: number, Level: 20, Voice: true}
	var err error
	c.body, err = netproto.AppendFrames(c.body[:0], number, []netproto.Frame{{Number: number, Data: c.packets[int(number)%len(c.packets)]}})
	must(b, err)
	c.datagram = c.sealers[i].Seal(c.datagram[:0], h, c.body)
	c.datagram = netproto.AppendHop(c.datagram, netproto.Hop{Count: uint8(number % netproto.HopCounts)})
	must(b, c.listener.Handle(now, c.datagram))
}

// mix is 20 ms of output of n talkers at once, of whose frames so many percent are lost, each on its own: taken from their
// buffers, decoded or made up, summed, limited. Sealing, opening and pushing are not in it; they have rows of their own.
func mix(n, lossPct int) func(*testing.B) {
	return func(b *testing.B) {
		c := newCompany(b, n)
		luck := rand.New(rand.NewPCG(1, uint64(n)))
		out := make([]float32, codec.FrameSize/2)
		var now time.Duration
		b.ReportAllocs()
		for number := uint32(1); b.Loop(); number++ {
			b.StopTimer()
			now += frameTime
			for i := range n {
				if luck.IntN(100) >= lossPct {
					c.arrive(b, now, i, number)
				}
			}
			b.StartTimer()
			c.listener.Mix(now, out)
			c.listener.Mix(now+frameTime/2, out)
		}
	}
}

// worstBlock is the dearest of the 10 ms blocks of 200 ms in which n talkers all lose the same frame, in the median.
func worstBlock(n int) func(*testing.B) {
	return func(b *testing.B) {
		const round, lost = 10, 5
		c := newCompany(b, n)
		out := make([]float32, codec.FrameSize/2)
		var now time.Duration
		number := uint32(0)
		dearest := func() (most time.Duration) {
			for frame := range round {
				now += frameTime
				number++
				for i := range n {
					if frame != lost {
						c.arrive(b, now, i, number)
					}
				}
				for half := range time.Duration(2) {
					began := time.Now()
					c.listener.Mix(now+half*frameTime/2, out)
					most = max(most, time.Since(began))
				}
			}
			return most
		}
		dearest() // makes decoders and buffers
		var worst []time.Duration
		for b.Loop() {
			worst = append(worst, dearest())
		}
		slices.Sort(worst)
		b.ReportMetric(float64(worst[len(worst)/2].Microseconds()), "us/block")
	}
}
