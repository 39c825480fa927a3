package forward

import (
	"encoding/binary"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

// A room that spans relays. Each relay sends the voice of its own talkers, as far as it is heard, once to each other
// relay where somebody listens; what comes from another relay goes to this one's listeners and no further.
//
//	here                                           the peer
//	talker -> loudest -> mend --- voice, tag ----> far talker -> loudest -> mend -> its listeners
//	                      ^  \--- end, sealed ---> line
//	                      |                         |
//	                    trunk <-- nack, report -----+
//
// A trunk is a session of this relay's own in a room, whose client is a peer; the line is what the peer has of it. So
// loss between relays is mended as that on the way to a client is. docs/cluster.md has the whole of it.

const (
	// slotShift is where in a session's ID the slot of its relay begins.
	slotShift = 25
	// Slots is how many slots there are: one of 64 numbers, and above that which half of the IDs the relay has.
	Slots = 1 << (32 - slotShift)
	// Numbers is how many relays may be in a cluster, whose numbers are below; 0 is nobody's.
	Numbers = Slots / 2
)

// Slot is that of the relay whose session this is.
func Slot(session uint32) int { return int(session >> slotShift) }

// role is what a session of a cluster stands for.
type role uint8

const (
	trunk role = iota // our own: a peer that listens in a room
	far               // a peer's: somebody there
	line              // a peer's trunk to us
)

// link is what a session of a cluster has that no client's has.
type link struct {
	role role
	peer *Peer
	net  netip.Prefix            // far: stands for the network where it is
	line atomic.Pointer[Session] // far: by which its relay is answered; nil: not known yet
}

// takes tells whether such a session may get that type from the peer.
func (l *link) takes(t netproto.Type) bool {
	switch l.role {
	case trunk:
		return t == netproto.TypeReport || t == netproto.TypeNack
	case line:
		return t == netproto.TypeEnd
	}
	return t == netproto.TypeVoice
}

// Peer is another relay of the cluster.
type Peer struct {
	path        Path
	tag         *netproto.TagKey // of the voice that it sends
	ours, lines netproto.HopKey  // of our trunks to it, and of its to us
	places      []atomic.Pointer[Session]
	mask        uint32
}

// Places bounds what a peer may say of its table.
const mostPlaces = 1 << 22

// NewPeer returns a relay that is sent to at an address. Its voice has tags under voice; ours and lines are the hop
// keys of our trunks and of its ones. places are those of its own table: no two of its sessions there are the same
// modulo them. It is nil where that is no power of two, or too many.
func NewPeer(to netip.AddrPort, voice, ours, lines netproto.HopKey, places int) *Peer {
	if places <= 0 || places > mostPlaces || places&(places-1) != 0 {
		return nil
	}
	return &Peer{
		path: Path{Remote: to}, tag: voice.TagKey(), ours: ours, lines: lines,
		places: make([]atomic.Pointer[Session], places), mask: uint32(places - 1),
	}
}

func (p *Peer) get(id uint32) *Session {
	s := p.places[id&p.mask].Load()
	if s == nil || s.ID != id {
		return nil
	}
	return s
}

// Add takes a session of the peer's; not ok: it has another one in that place.
func (p *Peer) Add(s *Session) (ok bool) { return p.places[s.ID&p.mask].CompareAndSwap(nil, s) }

// Remove removes one that was added.
func (p *Peer) Remove(s *Session) {
	p.places[s.ID&p.mask].CompareAndSwap(s, nil)
	s.Gone.Store(true)
}

// cluster is what an Exchange knows of it. It never changes, but is replaced.
type cluster struct {
	tag   *netproto.TagKey // of the voice that goes to peers
	peers [Slots]*Peer
}

// Places is how many the table of sessions has.
func (x *Exchange) Places() int { return len(x.table.places) }

// SetPeer sets the relay of a slot; nil: there is none. voice is the key of the tags of what we send. The keeper
// sets them one at a time.
func (x *Exchange) SetPeer(slot int, p *Peer, voice netproto.HopKey) {
	c := &cluster{tag: voice.TagKey()}
	if old := x.cluster.Load(); old != nil {
		c.peers = old.peers
	}
	c.peers[slot] = p
	x.cluster.Store(c)
}

// find returns the session with this ID, ours or a peer's, or nil.
func (x *Exchange) find(id uint32) *Session {
	if s := x.table.get(id); s != nil {
		return s
	}
	if c := x.cluster.Load(); c != nil {
		if p := c.peers[Slot(id)]; p != nil {
			return p.get(id)
		}
	}
	return nil
}

// InitTrunk makes a Session for a peer that listens in a room. It is to be added to the Exchange, then settled.
func (s *Session) InitTrunk(r *Room, p *Peer) {
	s.begin(r, p, trunk)
	s.Trunk = true
	s.up.key, s.down.key = p.ours.Up(), p.ours.Down()
}

// InitFar makes a Session for somebody at a peer who talks in a room. net stands for the network where it is.
func (s *Session) InitFar(r *Room, p *Peer, id uint32, net netip.Prefix) {
	s.begin(r, p, far)
	s.ID, s.Far, s.link.net = id, true, net
}

// InitLine makes a Session for a peer's trunk to this relay.
func (s *Session) InitLine(r *Room, p *Peer, id uint32) {
	s.begin(r, p, line)
	s.ID, s.Far = id, true
	s.up.key, s.down.key = p.lines.Down(), p.lines.Up() // what comes from there goes down its trunk
}

func (s *Session) begin(r *Room, p *Peer, is role) {
	s.room, s.tag, s.link = r, p.tag, &link{role: is, peer: p}
	s.Enter(&r.mend)
}

// SettleAtPeer has the session sent to where its peer is.
func (s *Session) SettleAtPeer(now time.Duration) { s.Settle(now, 0, s.link.peer.path, false) }

// SetLine says by which line of its relay somebody far is answered.
func (s *Session) SetLine(l *Session) { s.link.line.Store(l) }

// relay sends a local talker's datagram of voice to each peer that listens in the room, at once: it waits for company
// there, if anywhere.
func (w *Worker) relay(l *listeners, voice []byte) {
	w.reply = w.tagger.Append(w.x.cluster.Load().tag, append(w.reply[:0], voice...))
	sent := w.group(&l.trunks).Send(w.reply, nil)
	w.count.relayed.Add(uint64(sent))
	if lost := len(l.trunks.ids) - sent; lost > 0 {
		w.count.drops[DropSend].Add(uint64(lost))
	}
}

// toPeer makes of a datagram, or of the body of one, what its peer takes; nil: that cannot be said yet.
func (w *Worker) toPeer(s *Session, t netproto.Type, d []byte) []byte {
	switch {
	case s.link.role == trunk && t == netproto.TypeVoice:
		return w.tagger.Append(w.x.cluster.Load().tag, append(w.reply[:0], d...))
	case s.link.role == trunk:
		return s.seal(w.reply[:0], t, d)
	}
	l := s.link.line.Load()
	if l == nil || l.Gone.Load() {
		return nil
	}
	if t == netproto.TypeReport {
		w.body = append(binary.BigEndian.AppendUint32(w.body[:0], s.ID), d...)
		d = w.body
	}
	return l.seal(w.reply[:0], t, d)
}

// ended passes on that a peer's talkers are not forwarded any more.
func (w *Worker) ended(now time.Duration, s *Session, body []byte) Drop {
	ends, err := netproto.ParseEnds(w.ends[:0], body)
	if err != nil {
		return DropMalformed
	}
	w.ends = ends
	for _, e := range ends {
		if t := w.x.find(e.Session); t != nil && t.room == s.room && t.link != nil && t.link.peer == s.link.peer {
			w.end(now, s.room, s.room.listeners.Load(), t, e.Seq)
		}
	}
	return Kept
}

// peerReport takes what a peer says of how a talker of ours fares there.
func (w *Worker) peerReport(now time.Duration, s *Session, body []byte) Drop {
	s.room.mu.Lock()
	defer s.room.mu.Unlock()
	look, err := w.mend.PeerReport(now, &s.Member, body)
	if err != nil {
		return DropMalformed
	}
	w.wake(s.room, look)
	return Kept
}
