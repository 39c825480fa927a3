package relay

import (
	"net"
	"net/netip"

	"github.com/tincan-voice/tincan/netproto"
)

// While a relay drains whose place this one has taken, its clients' new tunnels lead here. What comes by one of them for
// a session that is not one of ours goes on by UDP, and steering takes it to the old relay:
//
//	client ==tunnel==> this relay ~~UDP, as from another address of the client~~> the old one
//
// That one challenges the address as any other.

// passOn hands a datagram to the relay before this one if it may be of a session of its, and tells whether it is.
func (t *tunnel) passOn(d []byte) bool {
	s := t.server
	if s.predecessor == nil || len(d) < netproto.HeaderSize || d[steerOffset]>>7 == 1 == s.upper {
		return false
	}
	t.mu.Lock()
	if t.before == nil && !t.closed {
		if conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(s.here())); err == nil {
			t.before = conn
			s.wg.Go(func() { t.takeBack(conn) })
		}
	}
	before := t.before
	t.mu.Unlock()
	if before != nil {
		_, _ = before.Write(d) // lost, as datagrams may be
	}
	return true
}

// here is an address on which this machine reaches its own port.
func (s *Server) here() netip.AddrPort {
	switch a := s.addr.Addr(); {
	case !a.IsUnspecified():
		return s.addr
	case a.Is4():
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), s.addr.Port())
	}
	return netip.AddrPortFrom(netip.IPv6Loopback(), s.addr.Port())
}

// takeBack is a goroutine: what the relay before this one answers goes into the tunnel, which ends it. An answer shows
// that the session is there.
func (t *tunnel) takeBack(conn *net.UDPConn) {
	buf := make([]byte, netproto.MaxDatagram)
	for {
		n, err := conn.Read(buf)
		switch {
		case err == nil:
			t.held.Store(true)
			t.Send(buf[:n])
		case t.isClosed():
			return
		}
	}
}

func (t *tunnel) isClosed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.closed
}
