package engine

import (
	"io"
	"net"
	"net/netip"
	"sync/atomic"
)

// PathKind is a way on which datagrams go to the relay and back.
type PathKind uint8

// The kinds.
const (
	PathUDP    PathKind = iota // UDP, as the system routes it
	PathTunnel                 // TLS to the relay's TCP port
	PathAlso                   // UDP from the interface or address of Config.Also
	pathKinds                  // how many there are
	noPath     = pathKinds
)

var pathNames = [pathKinds]string{"udp", "tunnel", "also"}

// String names the kind in one word, as docs/client.md lists them.
func (k PathKind) String() string {
	if k < pathKinds {
		return pathNames[k]
	}
	return "none"
}

// path is one way to the relay: a socket, which may be replaced by another one, and what is known of it. Its methods may
// be called from any goroutine.
type path struct {
	kind   PathKind
	socket held[*socket] // nil: there is none

	barred atomic.Uint64 // datagrams that had no way
	came   atomic.Uint32 // datagrams of voice that came by it
	heard  moment        // the last valid datagram came
	probes probes        // guarded by Call.probing
}

// socket is what a path leads through: each Write and Read is a datagram. Write does not wait.
type socket struct {
	io.ReadWriteCloser
	closed   atomic.Bool
	local    netip.AddrPort
	overhead int // bytes that its headers add to a datagram
}

// Close closes it, if there is one.
func (s *socket) Close() error {
	if s == nil {
		return nil
	}
	s.closed.Store(true)
	return s.ReadWriteCloser.Close()
}

// newUDP makes a socket of a connection by UDP, or by what stands for it.
func newUDP(conn DatagramConn, to *destination) *socket {
	return &socket{ReadWriteCloser: conn, local: localOf(conn), overhead: to.overhead}
}

// localOf is our address of a connection, where it has one.
func localOf(conn DatagramConn) netip.AddrPort {
	if udp, ok := conn.(*net.UDPConn); ok {
		return udp.LocalAddr().(*net.UDPAddr).AddrPort()
	}
	return netip.AddrPort{}
}

// move takes another socket into use, or nil for none, unless the call has ended. What was in use is closed, which wakes
// its reader.
func (p *path) move(s *socket) bool {
	old := p.socket.get()
	if !p.socket.hold(s) {
		s.Close()
		return false
	}
	old.Close()
	return true
}

// usable tells whether it has a socket.
func (p *path) usable() bool {
	s := p.socket.get()
	return s != nil && !s.closed.Load()
}

// local is our address on it, if it has a socket.
func (p *path) local() netip.AddrPort {
	if s := p.socket.get(); s != nil {
		return s.local
	}
	return netip.AddrPort{}
}
