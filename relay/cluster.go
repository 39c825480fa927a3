package relay

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/access"
	"github.com/tincan-voice/tincan/internal/relay/cluster"
	"github.com/tincan-voice/tincan/internal/relay/forward"
	"github.com/tincan-voice/tincan/internal/relay/rooms"
	"github.com/tincan-voice/tincan/netproto"
)

// Cluster makes a relay one of several that carry the same rooms: whoever is in a room at one of them hears those who
// are in it at the others. docs/cluster.md says how.
type Cluster struct {
	// Number is the relay's own in the cluster, 1 to 63. No other one may have it.
	Number int
	// Secret is what all relays of the cluster share, and nobody else: at least 16 bytes, random ones.
	Secret []byte
	// Address is where the others send voice to this relay: the port is Config.Addr's.
	Address netip.Addr
	// Bus carries what relays tell each other. Its owner closes it after Serve.
	Bus Bus
}

// Bus carries messages between relays: each that is published goes to all other relays that have subscribed to its
// topic, or gets lost. They are sealed. Subscribe, Unsubscribe and Publish are called by one goroutine, and come in
// force in their order.
type Bus interface {
	Subscribe(topic string) error
	Unsubscribe(topic string) error
	Publish(topic string, data []byte) error
	Messages() <-chan BusMessage // never closed before Serve has ended
}

// BusMessage is one that has come.
type BusMessage struct {
	Topic string
	Data  []byte
}

// check says what is wrong with it.
func (c *Cluster) check() error {
	switch {
	case c == nil:
	case c.Number < 1 || c.Number >= forward.Numbers:
		return fmt.Errorf("relay: %w: the relay's number in its cluster is %d: want one from 1 to %d that no other has", ErrConfig, c.Number, forward.Numbers-1)
	case len(c.Secret) < cluster.LeastSecret:
		return fmt.Errorf("relay: %w: the secret of the cluster has %d bytes: want %d or more, random ones", ErrConfig, len(c.Secret), cluster.LeastSecret)
	case !c.Address.IsValid() || c.Address.IsUnspecified():
		return fmt.Errorf("relay: %w: the other relays of the cluster need an address of this one", ErrConfig)
	}
	return nil
}

// rooms is what a rooms.Core has to know of it.
func (c *Cluster) rooms() *rooms.Cluster {
	if c == nil {
		return nil
	}
	var skip [4]byte
	_, _ = rand.Read(skip[:]) // never fails
	return &rooms.Cluster{Number: c.Number, Network: cluster.NetworkKey(c.Secret), Skip: binary.BigEndian.Uint32(skip[:])}
}

// mesh is the relay's part in its cluster. Its lock goes behind Server.mu, and before that of rooms.Core.
type mesh struct {
	bus  Bus
	kick chan struct{} // wakes confer

	// confer's own.
	bad, failed faults
	twin        bool // another relay with its number has been there, which was said

	mu   sync.Mutex
	node *cluster.Node
}

func (s *Server) newMesh() *mesh {
	c := s.cfg.Cluster
	if c == nil {
		return nil
	}
	cfg := cluster.Config{Secret: c.Secret, Address: netip.AddrPortFrom(c.Address.Unmap(), s.addr.Port()), Began: s.start}
	_, _ = rand.Read(cfg.Instance[:]) // never fails
	return &mesh{bus: c.Bus, kick: make(chan struct{}, 1), node: cluster.New(cfg, s.core)}
}

// do has the node do something, and confer what comes of it. A relay that is alone does nothing.
func (m *mesh) do(f func(n *cluster.Node)) {
	if m == nil {
		return
	}
	m.mu.Lock()
	f(m.node)
	m.mu.Unlock()
	ring(m.kick)
}

// Peers are the numbers of the other relays of the cluster that are there.
func (s *Server) Peers() (numbers []int) {
	if s.mesh == nil {
		return nil
	}
	s.mesh.mu.Lock()
	defer s.mesh.mu.Unlock()
	for _, slot := range s.mesh.node.Peers() {
		numbers = append(numbers, slot%forward.Numbers)
	}
	return numbers
}

// mostTaken is how many messages are taken before what comes of them is done.
const mostTaken = 64

// confer is the goroutine that talks with the other relays.
func (s *Server) confer() {
	m := s.mesh
	timer := time.NewTimer(0)
	defer timer.Stop()
	for due := s.now(); ; {
		var got BusMessage
		select {
		case <-s.stop:
			m.do((*cluster.Node).Leave)
			s.carryOut()
			return
		case got = <-m.bus.Messages():
		case <-m.kick:
		case <-timer.C:
		}
		now := s.now()
		m.mu.Lock()
		if now-due > standstill {
			m.node.Wake(now)
		}
		for n := 1; got.Topic != ""; n++ {
			if err := m.node.Take(now, got.Topic, got.Data); err != nil {
				if times, ok := m.bad.say(now); ok {
					s.log.Warn("a message of another relay is not taken", "error", err, "times", times)
				}
			}
			got = BusMessage{}
			if n < mostTaken {
				select {
				case got = <-m.bus.Messages():
				default:
				}
			}
		}
		due = m.node.Tick(now)
		m.mu.Unlock()
		s.carryOut()
		timer.Reset(due - s.now())
	}
}

// carryOut does what the node wants.
func (s *Server) carryOut() {
	m := s.mesh
	m.mu.Lock()
	do := m.node.Actions()
	m.mu.Unlock()
	var failed error
	for _, topic := range do.Subscribe {
		failed = errors.Join(failed, m.bus.Subscribe(topic))
	}
	for _, p := range do.Publish {
		failed = errors.Join(failed, m.bus.Publish(p.Topic, p.Data))
	}
	for _, topic := range do.Unsubscribe {
		failed = errors.Join(failed, m.bus.Unsubscribe(topic))
	}
	if failed != nil {
		if times, ok := m.failed.say(s.now()); ok {
			s.log.Warn("cannot tell the other relays of the cluster everything: rooms go on, each relay's for itself where that lasts",
				"error", failed, "times", times)
		}
	}
	for _, u := range do.Updates {
		s.tell(u)
	}
	if len(do.Passed) > 0 {
		s.mu.Lock()
		s.tellKeysLocked(do.Passed)
		s.mu.Unlock()
	}
	for _, o := range do.Orders {
		s.obey(o)
	}
	for _, b := range do.Sanctions {
		s.takeSanction(b)
	}
	for _, slot := range do.Left {
		s.log.Info("a relay of the cluster is gone, and with it whoever was there", "number", slot%forward.Numbers)
	}
	for _, slot := range do.Came {
		s.log.Info("a relay of the cluster is there", "number", slot%forward.Numbers)
	}
	if len(do.Came) > 0 {
		for _, b := range s.sanctions.List(time.Now()) {
			m.do(func(n *cluster.Node) {
				n.Sanction(cluster.Sanction{Who: b.Subject.String(), Mute: b.Mute, Until: b.Until})
			})
		}
	}
	if do.Twin && !m.twin {
		m.twin = true
		s.log.Error("another relay of the cluster has this one's number: neither hears the other, give each its own", "number", s.cfg.Cluster.Number)
	}
	if len(do.Updates)+len(do.Left)+len(do.Came)+len(do.Publish) > 0 {
		ring(s.kick) // rooms may have something to announce
	}
}

// tellKeysLocked tells members of other members' sender keys: ours, and through their relay others.
func (s *Server) tellKeysLocked(passed []rooms.Passed) {
	for _, p := range passed {
		if to := s.sessions[p.To]; to != nil {
			to.send(netproto.Session{Session: p.To, Voice: to.voice, Keys: []netproto.Wrapping{p.Wrapping}})
		}
	}
}

// passOn tells other relays a member's sender key, as far as it is for theirs.
func (s *Server) passOn(room string, from uint32, passed []rooms.Passed) {
	if s.mesh == nil {
		return
	}
	var far []netproto.Wrapping
	for _, p := range passed {
		if forward.Slot(p.To) != s.core.Slot() {
			far = append(far, netproto.Wrapping{Session: p.To, Epoch: p.Epoch, Wrapped: p.Wrapped})
		}
	}
	if len(far) > 0 {
		s.mesh.do(func(n *cluster.Node) { n.Pass(room, from, far) })
	}
}

// share tells the other relays of a ban or a mute, or its end.
func (s *Server) share(b cluster.Sanction) {
	s.mesh.do(func(n *cluster.Node) { n.Sanction(b) })
}

// takeSanction does here what another relay has decided.
func (s *Server) takeSanction(b cluster.Sanction) {
	subject, err := access.ParseSubject(b.Who)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if b.Lifted {
		s.liftLocked(subject, b.Mute)
		return
	}
	for _, known := range s.sanctions.List(time.Now()) {
		if known.Subject == subject && known.Mute == b.Mute && !known.Until.Before(b.Until) {
			return
		}
	}
	if left := time.Until(b.Until); left > 0 {
		if err := s.sanctionLocked(subject, left, b.Mute, b.Reason); err != nil {
			s.log.Warn("a ban or mute of another relay is not taken", "error", err)
		}
	}
}

// obey does to a session here what a member at another relay may want.
func (s *Server) obey(o cluster.Order) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g, there := s.guests[o.Session]; there && g.room == o.Room {
		if err := s.applyLocked(o.Session, o.By, o.Mute, o.Ban, o.Reason); err != nil {
			s.log.Warn("what a member at another relay wanted is not done", "session", o.Session, "error", err)
		}
	}
}
