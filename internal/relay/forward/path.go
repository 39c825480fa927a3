package forward

import (
	"net/netip"

	"github.com/tincan-voice/tincan/netproto/wire"
)

// Path is a datagram's way: with UDP its two ends, a session's address and the relay's own that
// it has asked and takes answers from; or a tunnel.
type Path struct {
	Remote netip.AddrPort // IPv4 as IPv4, never mapped into IPv6
	Local  netip.Addr     // invalid: the system chooses
	Tunnel Tunnel         // nil: UDP
}

// Tunnel is a connection that carries datagrams. Any goroutine may call it, and it never waits.
type Tunnel interface {
	// Send takes a copy of a datagram, and reports whether it could.
	Send(d []byte) bool
	// Reliable tells whether what it takes comes, if late: such a thing needs no repair.
	Reliable() bool
	// Hold tells that the tunnel is a session's path from now on, Release that it is not any more; over: as
	// the session has ended.
	Hold()
	Release(over bool)
}

// Addr is the remote IP address.
func (p Path) Addr() netip.Addr { return p.Remote.Addr() }

// overhead is what a datagram takes on it besides its own bytes.
func (p Path) overhead() int {
	switch {
	case p.Tunnel == nil:
		return wire.Overhead(p.Addr())
	case p.Tunnel.Reliable():
		return wire.TunnelOverhead(p.Addr())
	}
	return wire.WebOverhead(p.Addr())
}

// Output takes what a Worker wants sent. The datagram is the Worker's own
// again after the call.
type Output interface {
	// Send sends along one path, and reports whether it could.
	Send(to Path, d []byte) bool
	// Group prepares the sending along all of these paths, which never change.
	Group(to []Path) Group
}

// Group is a list of paths that an Output has prepared.
type Group interface {
	// Send sends along all of them but those whose indexes are in skip (rising), and
	// returns how many could be sent.
	Send(d []byte, skip []int) (sent int)
}

// SendFunc is an Output made of a plain function, for tests and the laboratory.
type SendFunc func(to netip.AddrPort, d []byte)

// Send implements Output.
func (f SendFunc) Send(to Path, d []byte) bool {
	f(to.Remote, d)
	return true
}

// Group implements Output.
func (f SendFunc) Group(to []Path) Group { return funcGroup{f, to} }

type funcGroup struct {
	send SendFunc
	to   []Path
}

func (g funcGroup) Send(d []byte, skip []int) (sent int) {
	for i, to := range g.to {
		if len(skip) > 0 && skip[0] == i {
			skip = skip[1:]
			continue
		}
		g.send(to.Remote, d)
		sent++
	}
	return sent
}
