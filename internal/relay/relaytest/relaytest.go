// Package relaytest has what tests of the relay's packages share: a Core with a Worker and clients of it, in virtual
// time and without sockets, and what clients make of user lists.
package relaytest

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/forward"
	"github.com/tincan-voice/tincan/internal/relay/rooms"
	"github.com/tincan-voice/tincan/netproto"
)

// ChallengeInterval is more than the time after which a session is challenged again.
const ChallengeInterval = 100 * time.Millisecond

// Core is a rooms.Core with one Worker and a network without delay.
type Core struct {
	*rooms.Core
	T      testing.TB
	Now    time.Duration
	Worker *forward.Worker
	Boxes  map[netip.AddrPort][][]byte // what was sent to each address
	Sizes  int                         // bytes of the answers to the last datagram
	// Out takes what is sent, in place of the boxes. nil: these do.
	Out forward.SendFunc
}

// New returns a Core in its second hour.
func New(t testing.TB, cfg rooms.Config) *Core {
	c := &Core{Core: rooms.NewCore(cfg), T: t, Now: time.Hour, Boxes: make(map[netip.AddrPort][][]byte)}
	c.Worker = c.NewWorker(forward.SendFunc(func(to netip.AddrPort, d []byte) {
		if c.Out != nil {
			c.Out(to, d)
			return
		}
		c.Boxes[to] = append(c.Boxes[to], slices.Clone(d))
		c.Sizes += len(d)
	}))
	return c
}

// Handle hands the Worker a datagram.
func (c *Core) Handle(from netip.AddrPort, d []byte) forward.Drop {
	c.Now += time.Microsecond
	c.Sizes = 0
	return c.Worker.Handle(c.Now, from, d)
}

// HandleFrom hands the Worker a datagram that came along a path.
func (c *Core) HandleFrom(from forward.Path, d []byte) forward.Drop {
	c.Now += time.Microsecond
	drop := c.Worker.Queue(c.Now, from, d)
	c.Worker.Flush(c.Now)
	return drop
}

// HasPath tells whether the client's address is where its session is sent voice.
func (c *Core) HasPath(cl *Client) bool {
	return slices.ContainsFunc(c.Sessions(), func(i rooms.SessionInfo) bool {
		return i.Session == cl.Session && i.Address == cl.Addr && i.Listening
	})
}

// Client is the far end of one session.
type Client struct {
	rooms.Membership
	Addr   netip.AddrPort
	Tagger *netproto.HopTagger
	Tag    *netproto.TagKey
	Up     *netproto.Sealer
	Down   *netproto.Sealer
	Voice  *netproto.Sealer
	Seq    [8]uint32 // last number by type
	core   *Core
}

var nextPort uint16

// NewAddr returns an address that nobody has.
func NewAddr() netip.AddrPort {
	nextPort++
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(nextPort >> 8), byte(nextPort)}), 5000)
}

// Enter joins a room.
func (c *Core) Enter(room, name string) *Client {
	c.T.Helper()
	m, err := c.Join(c.Now, rooms.Newcomer{Room: room, Name: name, Voice: 1, Fresh: make([]byte, netproto.FreshSize)})
	if err != nil {
		c.T.Fatal(err)
	}
	return &Client{
		Membership: m, core: c, Addr: NewAddr(), Tagger: netproto.NewHopTagger(), Tag: m.HopKey.TagKey(),
		Up: netproto.NewSealer(m.HopKey.Up()), Down: netproto.NewSealer(m.HopKey.Down()),
		Voice: netproto.NewSealer(netproto.VoiceKey(netproto.RoomSecret{1}, m.Session, 0)),
	}
}

// Settled joins and proves the address.
func (c *Core) Settled(room, name string) *Client {
	c.T.Helper()
	cl := c.Enter(room, name)
	cl.Settle()
	return cl
}

// Sealed is a datagram for the relay.
func (cl *Client) Sealed(t netproto.Type, body []byte) []byte {
	cl.Seq[t]++
	return cl.Up.Seal(nil, netproto.Header{Type: t, Session: cl.Session, Seq: cl.Seq[t]}, body)
}

// Probe is one with the time 77.
func (cl *Client) Probe() []byte {
	return cl.Sealed(netproto.TypeProbe, netproto.AppendProbe(nil, netproto.Probe{Time: 77}))
}

// Said is a datagram of voice as the client sends it; the relay forwards it
// without the hop tag.
func (cl *Client) Said(text string) []byte { return cl.SaidAt(text, 10, true) }

// SaidAt is that with a level and a voice bit.
func (cl *Client) SaidAt(text string, level uint8, voice bool) []byte {
	cl.Seq[netproto.TypeVoice]++
	h := netproto.Header{Session: cl.Session, Seq: cl.Seq[netproto.TypeVoice], Level: level, Voice: voice}
	return cl.Tagged(cl.Voice.Seal(nil, h, []byte(text)), netproto.Hop{Count: cl.Count()})
}

// Count is that of the last datagram of voice: these clients send one for each frame.
func (cl *Client) Count() uint8 { return uint8(cl.Seq[netproto.TypeVoice] % netproto.HopCounts) }

// Tagged appends what the hop needs to sealed voice.
func (cl *Client) Tagged(sealed []byte, hop netproto.Hop) []byte {
	return cl.Tagger.Append(cl.Tag, netproto.AppendHop(sealed, hop))
}

// Again is a datagram that Said has made, as it is sent a second time.
func (cl *Client) Again(d []byte) []byte {
	sealed, hop, err := netproto.SplitHop(d[:len(d)-netproto.HopTagSize])
	if err != nil {
		cl.core.T.Fatal(err)
	}
	return cl.Tagged(slices.Clone(sealed), netproto.Hop{Count: hop.Count, Again: true})
}

// Took empties the client's box.
func (cl *Client) Took() [][]byte {
	b := cl.core.Boxes[cl.Addr]
	delete(cl.core.Boxes, cl.Addr)
	return b
}

// Answer answers the challenge in the client's box.
func (cl *Client) Answer() {
	cl.core.T.Helper()
	for _, d := range cl.Took() {
		if h, _ := netproto.ParseHeader(d); h.Type == netproto.TypeChallenge {
			body, err := cl.Down.Open(nil, d)
			if err != nil {
				cl.core.T.Fatal(err)
			}
			if drop := cl.core.Handle(cl.Addr, cl.Sealed(netproto.TypeChallengeReply, body)); drop != forward.Kept {
				cl.core.T.Fatalf("challenge reply: %v", drop)
			}
			return
		}
	}
	cl.core.T.Fatalf("%v got no challenge", cl.Addr)
}

// Settle proves the client's address.
func (cl *Client) Settle() {
	cl.core.T.Helper()
	cl.core.Now += ChallengeInterval
	if drop := cl.core.Handle(cl.Addr, cl.Probe()); drop != forward.Kept {
		cl.core.T.Fatalf("probe: %v", drop)
	}
	cl.Answer()
}

// Hears wants exactly these datagrams (with their hop tags) in the box.
func (cl *Client) Hears(want ...[]byte) {
	cl.core.T.Helper()
	got := cl.Took()
	if len(got) != len(want) {
		cl.core.T.Fatalf("session %d heard %d datagrams, want %d", cl.Session, len(got), len(want))
	}
	for i := range want {
		if w := len(want[i]) - netproto.HopTagSize - netproto.HopSize; !slices.Equal(got[i][:len(got[i])-netproto.HopSize], want[i][:w]) {
			cl.core.T.Fatalf("session %d: datagram %d is not what was said", cl.Session, i)
		}
	}
}

// SameSet wants the same datagrams of voice in any order, whatever their hops are.
func SameSet(t testing.TB, got, want [][]byte) {
	t.Helper()
	slices.SortFunc(got, slices.Compare)
	slices.SortFunc(want, slices.Compare)
	sealed := func(a, b []byte) bool {
		return slices.Equal(a[:len(a)-netproto.HopSize], b[:len(b)-netproto.HopSize])
	}
	if !slices.EqualFunc(got, want, sealed) {
		t.Errorf("heard %d datagrams that are not the %d that were said", len(got), len(want))
	}
}
