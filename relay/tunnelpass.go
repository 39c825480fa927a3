package relay

import (
	"errors"
	"hash/maphash"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/origin"
	"github.com/tincan-voice/tincan/netproto"
)

// While a relay drains whose place this one has taken, its clients' new tunnels lead here. What comes by one of them for
// a session that is not one of ours goes on by UDP, and steering takes it to the old relay:
//
//	client ==tunnel==> this relay ~~UDP, as from another address of the client~~> the old one
//
// That one challenges the address as any other.

// predecessor is the relay whose place this one has taken. The zero value is that of a relay that came by itself.
type predecessor struct {
	conn   *net.UnixConn // ends with it
	serves atomic.Bool
	over   chan struct{} // closed when it has ended

	mu    sync.Mutex
	ways  map[*net.UDPConn]struct{} // to it, of one tunnel each
	ended bool
}

// patience is how long who wants this relay's place waits to see that the one before it has ended.
const patience = time.Second

// follow notes the relay at the other end of conn as the one whose place this one takes.
func (p *predecessor) follow(conn *net.UnixConn) {
	p.conn, p.over, p.ways = conn, make(chan struct{}), make(map[*net.UDPConn]struct{})
	p.serves.Store(true)
}

// awaitPredecessor is a goroutine: it waits for the end of that relay, and closes all ways to it.
func (s *Server) awaitPredecessor() {
	p := &s.predecessor
	if p.conn == nil {
		return
	}
	_ = p.conn.SetDeadline(time.Time{})
	s.takeSanctions(p.conn)
	p.serves.Store(false)
	p.mu.Lock()
	p.ended = true
	for way := range p.ways {
		_ = way.Close()
	}
	p.ways = nil
	p.mu.Unlock()
	close(p.over)
}

// close ends awaitPredecessor.
func (p *predecessor) close() {
	if p.conn != nil {
		_ = p.conn.Close()
	}
}

// drains tells whether it is still there, also after a moment.
func (p *predecessor) drains() bool {
	if p.conn == nil {
		return false
	}
	select {
	case <-p.over:
		return false
	case <-time.After(patience):
		return true
	}
}

// open makes a way to it. nil: there is none.
func (p *predecessor) open(from netip.Addr, to netip.AddrPort) *net.UDPConn {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return nil
	}
	way, err := net.DialUDP("udp", standIn(from, to.Addr()), net.UDPAddrFromAddrPort(to))
	if err != nil {
		if way, err = net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to)); err != nil {
			return nil
		}
	}
	p.ways[way] = struct{}{}
	return way
}

// shut closes a way.
func (p *predecessor) shut(way *net.UDPConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.ways, way)
	_ = way.Close()
}

var standInSeed = maphash.MakeSeed()

// standIn is an address of this machine for all clients of one network, so that the old relay tells networks from each
// other as it does without a tunnel between. All of 127.0.0.0/8 is this machine's on Linux. A relay at an IPv6 address of
// its own has nothing like that: nil, all clients are one network to it.
func standIn(from, to netip.Addr) *net.UDPAddr {
	if !to.Is4() {
		return nil
	}
	h := maphash.Comparable(standInSeed, origin.Customer(from))
	return &net.UDPAddr{IP: net.IPv4(127, 1+byte(h%254), byte(h>>8), byte(h>>16))} // neither the first nor the last one
}

// passOn hands a datagram to the relay before this one if it may be of a session of its, and tells whether it is.
func (t *carrier) passOn(d []byte) bool {
	s := t.server
	if !s.predecessor.serves.Load() || len(d) < netproto.HeaderSize || d[steerOffset]>>7 == 1 == s.upper {
		return false
	}
	t.mu.Lock()
	if t.before == nil && !t.closed {
		if t.before = s.predecessor.open(t.client.from.Addr(), s.here()); t.before != nil {
			way := t.before
			s.wg.Go(func() { t.takeBack(way) })
		}
	}
	before := t.before
	t.mu.Unlock()
	if before != nil {
		_, _ = before.Write(d) // lost, as datagrams may be
	}
	return true
}

// here is an address on which this machine reaches its own port. A socket of both families takes IPv4 as well.
func (s *Server) here() netip.AddrPort {
	if !s.addr.Addr().IsUnspecified() {
		return s.addr
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), s.addr.Port())
}

// takeBack is a goroutine: what the relay before this one answers goes into the tunnel, until either ends. An answer
// shows that the session is there.
func (t *carrier) takeBack(way *net.UDPConn) {
	buf := make([]byte, netproto.MaxDatagram)
	for {
		n, err := way.Read(buf)
		switch {
		case err == nil:
			t.held.Store(true)
			t.path.Tunnel.Send(buf[:n])
		case errors.Is(err, net.ErrClosed):
			return
		}
	}
}
