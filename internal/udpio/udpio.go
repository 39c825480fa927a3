// Package udpio is the boundary between the relay and UDP: datagrams come in
// by the batch and go out to whole groups of addresses at once.
//
//	Conn.Read       one system call, up to a batch of datagrams (recvmmsg)
//	Conn.SendGroup  one system call, one datagram to every listener (sendmmsg)
//	Conn.Send       one datagram along one path
//
// A Group is the prebuilt half of SendGroup: the message headers and socket
// addresses of all its members, made once and used for every datagram. All
// messages of a group share one payload vector, so that a datagram costs two
// stores in user space, however many listeners it has:
//
//	iovec {datagram, length}
//	  ^       ^       ^
//	msg 0   msg 1   msg 2 ...   -> sendmmsg
//	  v       v       v
//	addr 0  addr 1  addr 2
//
// On all interfaces a machine has several addresses, and who asks one of them takes
// answers from that one only. So a Message says which it was, and each member of a
// Group is sent to from its own (IPV6_PKTINFO, RFC 3542, 6.2; IP_PKTINFO, ip(7)).
//
// Linux gets raw system calls, several sockets on one port (Options.Sockets)
// and steering between them; other systems get the plain calls of package net behind the same
// interface, and there the system chooses the address that answers: on a machine with several, bind to one.
// The sibling package udpiotest has an in-memory network for tests.
package udpio

import (
	"errors"
	"net/netip"
	"os"
	"time"
)

const (
	// BatchSize is how many datagrams one Read returns at most.
	BatchSize = 64
	// BufferSize is the size of one receive buffer in bytes: longer datagrams
	// are cut, and with netproto.MaxDatagram at 1200 are nobody's anyway.
	BufferSize = 1500
	// SocketBuffer is what is asked of the kernel for each socket and
	// direction, in bytes: about 50 ms of a full 1 Gbit/s. The kernel may
	// give less (net.core.rmem_max, net.core.wmem_max).
	SocketBuffer = 4 << 20
)

// Path is the two ends of a datagram's way.
type Path struct {
	Remote netip.AddrPort // IPv4 as IPv4, never mapped into IPv6
	// Local is this machine's address: the one that was asked, which has to answer.
	// Invalid: the system chooses, as it does where the socket is bound to one address.
	Local netip.Addr
}

// Message is one datagram that came in.
type Message struct {
	From Path
	Data []byte // the Conn's own memory: valid until the next Read
}

// Conn is one UDP socket. Read belongs to one goroutine at a time; the
// Send methods may be called by any, a Group by one at a time.
type Conn interface {
	// Read waits at most wait, 0 or more, for a datagram and
	// fills msgs with that and the others that are there already. The result
	// is one of
	//	n > 0, nil   n datagrams
	//	0, nil       the wait is over, or that of an earlier Read would be
	//	0, ErrClosed the Conn is closed
	//	0, error     a fault that may pass: read on after a pause
	Read(msgs []Message, wait time.Duration) (n int, err error)
	// Send sends one datagram. Errors concern this datagram alone.
	Send(to Path, d []byte) error
	// NewGroup prepares the sending of datagrams along all of these paths. Any goroutine may call it.
	NewGroup(to []Path) Group
	// SendGroup sends d to all of g, a group of this Conn, but the members
	// whose indexes are in skip (rising). It never waits for a slow receiver;
	// sent is the number of datagrams that the kernel took, and err the
	// first reason for one that it did not take.
	SendGroup(g Group, d []byte, skip []int) (sent int, err error)
	// LocalAddr is the address the socket is bound to.
	LocalAddr() netip.AddrPort
	// Close ends a waiting Read with ErrClosed.
	Close() error
}

// Group is a fixed list of receivers, made by a Conn for itself.
type Group interface {
	Len() int
}

// ErrClosed is returned by every method after Close.
var ErrClosed = errors.New("udpio: closed")

// Options for Listen.
type Options struct {
	// Sockets is how many sockets share the port (0: 1). Other systems than
	// Linux have one, whatever is asked.
	Sockets int
	// SteerOffset is where in the payload stands the big-endian 32-bit number
	// that, modulo the number of sockets, names the socket that gets the
	// datagram. Shorter datagrams go to socket 0.
	SteerOffset int
}

// Listen binds to addr, with the port 0 to any free port. An unspecified
// address means all interfaces, IPv6 and IPv4 both where the system has them.
// The sockets of the result share the port; there are as many as asked for, or
// one where the system cannot steer datagrams between several.
func Listen(addr netip.AddrPort, opts Options) ([]Conn, error) {
	return listen(addr, opts)
}

// Files returns the sockets of conns, to be handed to another process of this machine, which makes Conns of them with
// Adopt while this one goes on with Part. The caller closes the files. On other systems than Linux the error is
// errors.ErrUnsupported.
func Files(conns []Conn) ([]*os.File, error) { return files(conns) }

// Adopt makes Conns of sockets that another process has got from Files. The files stay the caller's. With an error the
// caller closes those that it returns.
func Adopt(files []*os.File) ([]Conn, error) { return adopt(files) }

// Part has conns, whose sockets have been handed on, go on with other ones of the same port, and tells the kernel which
// datagrams come there: those whose number at offset (Options.SteerOffset) has its highest bit set, or with upper false
// not set. All others come to those who have the old sockets. What has come before is read before, and Part waits for
// that while the readers read. It can be repeated when the others have closed theirs.
func Part(conns []Conn, offset int, upper bool) error { return part(conns, offset, upper) }
