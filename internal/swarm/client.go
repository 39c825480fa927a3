package swarm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/netproto/wire"
	"github.com/tincan-voice/tincan/stream"
)

// socket is a client's UDP socket, connected to the relay.
type socket interface {
	send(d []byte) error
	port() int
	// dropped is how many datagrams had no room in the socket's buffer.
	dropped() uint32
	// unread is how many datagrams wait in it. It throws them away.
	unread() int
	close()
}

// room is what the clients of one room share.
type room struct {
	name    string
	talkers atomic.Pointer[[]*talker] // nil until talking begins
}

// client is one session.
type client struct {
	// Static from the moment at which it has joined.
	room     *room
	talker   *talker // nil: it only listens
	session  uint32
	up, down *netproto.Sealer
	control  *control
	overhead int           // bytes of IP and UDP headers
	udpPort  int           // the relay's; 0: the TCP port
	joining  time.Duration // from dialing to SESSION

	probes atomic.Uint32          // last sequence number
	path   atomic.Bool            // has answered a challenge
	lost   atomic.Pointer[string] // why its control connection ended before its time

	mu     sync.Mutex
	socket socket // that it sends with; nil when it has gone
	phase  stream.Phase

	reading // the reader's own
}

// reading is what a client's reader does and counts.
type reading struct {
	packages  packages
	former    socket // of before its last change of address; nil: none
	via       socket // that the datagram under way came on
	dropped   uint32 // datagrams that had no room in sockets of before
	replies   uint32 // last sequence number
	heard     []window
	voice     atomic.Uint64 // datagrams of voice, each once; others may look at it
	twice     uint64        // those that came again
	wrong     uint64        // no datagram for this client, or not authentic
	packets   uint64        // UDP packets with voice in them
	bytes     uint64        // their size, with IP and UDP headers
	latency   *histogram
	items     [][]byte // of a bundle
	body      []byte
	frames    []netproto.Frame
	answering []byte
}

// errRefused: the relay ends the session.
var errRefused = errors.New("the relay says")

// joined takes the first SESSION.
func (c *client) joined(s netproto.Session) error {
	if s.Voice != netproto.Version || len(s.HopKey) != netproto.KeySize {
		return fmt.Errorf("the relay has no voice for us (VOICE %d)", s.Voice)
	}
	hop := netproto.HopKey(s.HopKey)
	c.session, c.udpPort = s.Session, s.UDP
	c.up, c.down = netproto.NewSealer(hop.Up()), netproto.NewSealer(hop.Down())
	if c.talker != nil {
		c.talker.session, c.talker.tag = s.Session, hop.TagKey()
		c.talker.sealer = netproto.NewSealer(netproto.VoiceKey(secret, s.Session, 0))
	}
	return nil
}

// end notes why the control connection is of no use any more.
func (c *client) end(err error) {
	why := reason(err)
	c.lost.Store(&why)
}

// ending is the error that a package means, if any.
func ending(p netproto.Package) error {
	switch p := p.(type) {
	case netproto.Disconnect:
		return fmt.Errorf("%w: %q", errRefused, netproto.CleanReason(p.Reason))
	case netproto.ServerClose:
		return fmt.Errorf("%w that it closes: %q", errRefused, netproto.CleanReason(p.Reason))
	case netproto.UnknownError:
		return fmt.Errorf("%w: %q", errRefused, netproto.CleanReason(p.Reason))
	}
	return nil
}

// probe sends a probe. Any goroutine may call it.
func (c *client) probe(p *prober, now time.Duration) error {
	p.body = netproto.AppendProbe(p.body[:0], netproto.Probe{Time: uint32(now / time.Microsecond)})
	h := netproto.Header{Type: netproto.TypeProbe, Session: c.session, Seq: c.probes.Add(1)}
	p.datagram = c.up.Seal(p.datagram[:0], h, p.body)
	return c.send(p.datagram)
}

// send sends with the socket of now. Any goroutine may call it.
func (c *client) send(d []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.socket == nil {
		return net.ErrClosed
	}
	return c.socket.send(d)
}

// change makes s the socket that it sends with, and returns the one of before.
func (c *client) change(s socket) (before socket) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before, c.socket = c.socket, s
	return before
}

// move makes s the client's socket. The one of before is still read: the relay goes on
// sending there until it has proof of the new one.
func (c *client) move(s socket, p *prober) {
	c.forget()
	c.former = c.change(s)
	_ = c.probe(p, 0) // which nobody measures
}

// forget closes the socket of before the last change.
func (c *client) forget() {
	if c.former != nil {
		c.dropped += c.former.dropped()
		c.former.close()
		c.former = nil
	}
}

// part takes its socket from it, which is the caller's then, or nil.
func (c *client) part() socket {
	c.forget()
	s := c.change(nil)
	if s != nil {
		c.dropped += s.dropped()
	}
	return s
}

// hangUp closes its sockets.
func (c *client) hangUp() {
	if s := c.part(); s != nil {
		s.close()
	}
}

// prober is the scratch memory of a goroutine that probes.
type prober struct{ body, datagram []byte }

// datagram takes what came on the socket via at the time at (Unix, ns; 0 if nobody
// knows). It keeps nothing of d.
func (c *client) datagram(d []byte, at int64) {
	t, err := netproto.DatagramType(d)
	if err != nil {
		c.wrong++
		return
	}
	switch t {
	case netproto.TypeVoice:
		c.packets++
		c.bytes += uint64(len(d) + c.overhead)
		c.hear(d, at)
	case netproto.TypeBundle:
		c.bundle(d, at)
	case netproto.TypeChallenge:
		c.challenge(d)
	case netproto.TypeReport:
		c.steered(d)
	case netproto.TypeProbeAck, netproto.TypeNack, netproto.TypeEnd:
		// A full client would learn from them.
	default:
		c.wrong++
	}
}

// steered takes what the relay tells a talker, of which only the shift counts here: voice goes on at the same rate
// whatever else it says.
func (c *client) steered(d []byte) {
	var err error
	if c.body, err = c.down.Open(c.body[:0], d); err != nil {
		c.wrong++
		return
	}
	if f, err := netproto.ParseFeedback(c.body); err == nil {
		c.mu.Lock()
		c.phase.Told(f.Receipt.Seq, f.Shift)
		c.mu.Unlock()
	}
}

// shift is how much later than after a frame the next datagram is to go, half a frame at most, or earlier.
func (c *client) shift() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	drop, ahead := c.phase.Move(c.talker.seq)
	return time.Duration(drop-ahead*wire.FrameSamples) * time.Second / wire.SampleRate
}

// bundle takes several datagrams that came as one.
func (c *client) bundle(d []byte, at int64) {
	items, err := netproto.ParseBundle(c.items[:0], d)
	if err != nil {
		c.wrong++
		return
	}
	c.items = items
	voice := false
	for _, item := range items {
		if t, err := netproto.DatagramType(item); err == nil && t == netproto.TypeVoice {
			voice = true
			c.hear(item, at)
		}
	}
	if voice {
		c.packets++
		c.bytes += uint64(len(d) + c.overhead)
	}
}

// hear counts one datagram of voice.
func (c *client) hear(d []byte, at int64) {
	d, _, err := netproto.SplitHop(d)
	if err != nil {
		c.wrong++
		return
	}
	h, err := netproto.ParseHeader(d)
	talkers := c.room.talkers.Load()
	if err != nil || talkers == nil {
		c.wrong++
		return
	}
	for i, t := range *talkers {
		if t.session != h.Session {
			continue
		}
		if c.heard == nil {
			c.heard = make([]window, len(*talkers))
		}
		switch {
		case !c.heard[i].accept(h.Seq):
			c.twice++
		case c.latency != nil && !c.open(t, h, d, at):
			c.wrong++
		default:
			c.voice.Add(1)
		}
		return
	}
	c.wrong++
}

// open opens a datagram and counts how long it was under way.
func (c *client) open(t *talker, h netproto.Header, d []byte, at int64) bool {
	var err error
	if c.body, err = t.sealer.Open(c.body[:0], d); err != nil {
		return false
	}
	c.frames, err = netproto.ParseFrames(c.frames[:0], h.Seq, c.body)
	if err != nil || len(c.frames) != 1 || len(c.frames[0].Data) < 8 {
		return false
	}
	if at != 0 {
		sent := int64(binary.BigEndian.Uint64(c.frames[0].Data))
		c.latency.add(time.Duration(at - sent))
	}
	return true
}

// challenge answers a challenge: from then on the relay sends voice here.
func (c *client) challenge(d []byte) {
	var err error
	if c.body, err = c.down.Open(c.body[:0], d); err != nil {
		c.wrong++
		return
	}
	token, err := netproto.ParseChallenge(c.body)
	if err != nil {
		c.wrong++
		return
	}
	c.replies++
	h := netproto.Header{Type: netproto.TypeChallengeReply, Session: c.session, Seq: c.replies}
	c.answering = c.up.Seal(c.answering[:0], h, netproto.AppendChallenge(c.body[:0], token))
	if c.via.send(c.answering) == nil {
		c.path.Store(true)
	}
}
