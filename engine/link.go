package engine

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/netproto/wire"
	"github.com/tincan-voice/tincan/stream"
)

// traffic counts what went through the links of a call. Its sequence numbers go on from link to link: so no number
// comes twice under a key, whatever keys a relay gives.
type traffic struct {
	seqs [16]atomic.Uint32 // last sequence number sent, by type

	sent, sentBytes         atomic.Uint64 // bytes with headers
	received, receivedBytes atomic.Uint64
	failed                  atomic.Uint64 // not taken by the system
	barred                  atomic.Uint64 // of these, for want of a way to the relay
	drops                   [len(stream.DropCounts{})]atomic.Uint64
}

// link is the way to the relay by UDP under one session: a socket, which may be replaced by another one, and the keys
// of the hop. Its methods may be called from any goroutine, but for open.
type link struct {
	*traffic
	to       atomic.Pointer[destination]
	session  uint32
	hop      netproto.HopKey
	up, down *netproto.Sealer
	tag      *netproto.TagKey
	socket   held[*net.UDPConn]
	leading  sync.Mutex // guards that to and socket belong together

	// owned by the datagram reader
	seen [16]netproto.ReplayWindow // by type
	body []byte
}

// destination is the relay's UDP address, and how many bytes IP and UDP add to a datagram there.
type destination struct {
	netip.AddrPort
	overhead int
}

// udpAddress is the relay's UDP address on the host that TCP led to.
func udpAddress(tcp net.Addr, s netproto.Session) (*destination, error) {
	to, err := netip.ParseAddrPort(tcp.String())
	if err != nil {
		return nil, err
	}
	if s.UDP != 0 {
		to = netip.AddrPortFrom(to.Addr(), uint16(s.UDP))
	}
	return &destination{to, wire.Overhead(to.Addr())}, nil
}

// dialLink opens a socket to the relay's UDP port on the host that TCP led to. t goes on.
func dialLink(tcp net.Addr, s netproto.Session, t *traffic) (*link, error) {
	to, err := udpAddress(tcp, s)
	if err != nil {
		return nil, err
	}
	l := &link{
		traffic: t, session: s.Session, hop: netproto.HopKey(s.HopKey), body: make([]byte, 0, netproto.MaxDatagram),
	}
	l.to.Store(to)
	if l.socket.device, err = to.dial(); err != nil {
		return nil, err
	}
	l.up, l.down, l.tag = netproto.NewSealer(l.hop.Up()), netproto.NewSealer(l.hop.Down()), l.hop.TagKey()
	return l, nil
}

// dial opens a socket on the way that now leads there.
func (d *destination) dial() (*net.UDPConn, error) {
	return net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(d.AddrPort))
}

// move takes another socket into use, which leads to an address of the relay, in place of one that led to where was
// is, unless the link has ended or leads elsewhere by now.
func (l *link) move(conn *net.UDPConn, was, to *destination) bool {
	l.leading.Lock()
	defer l.leading.Unlock()
	old := l.socket.get()
	if l.to.Load() != was || !l.socket.hold(conn) {
		conn.Close()
		return false
	}
	l.to.Store(to)
	old.Close() // which wakes the reader
	return true
}

// Close lets go of the reader.
func (l *link) Close() error {
	l.socket.end()
	return nil
}

// overhead is how many bytes IP and UDP add to a datagram.
func (l *link) overhead() int { return l.to.Load().overhead }

// local is our address on the way to the relay.
func (l *link) local() netip.AddrPort { return localOf(l.socket.get()) }

func localOf(conn *net.UDPConn) netip.AddrPort { return conn.LocalAddr().(*net.UDPAddr).AddrPort() }

// send sends a finished datagram. Failures are counted: they are as good as losses.
func (l *link) send(d []byte) {
	if _, err := l.socket.get().Write(d); err != nil {
		l.failed.Add(1)
		// The relay does not run, or the socket has just been replaced: that is not for want of a way.
		if !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, net.ErrClosed) {
			l.barred.Add(1)
		}
		return
	}
	l.sent.Add(1)
	l.sentBytes.Add(uint64(len(d) + l.overhead()))
}

// sendSealed seals a body for the relay and sends it.
func (l *link) sendSealed(t netproto.Type, body []byte) { l.send(l.seal(t, body)) }

func (l *link) seal(t netproto.Type, body []byte) []byte {
	return l.up.Seal(nil, netproto.Header{Type: t, Session: l.session, Seq: l.seqs[t&15].Add(1)}, body)
}

// receive waits for a datagram and returns it in buf. The error is that of a closed
// socket, or a passing one such as a refused port: again tells whether there is another socket now.
func (l *link) receive(buf []byte) (d []byte, again bool, err error) {
	conn := l.socket.get()
	n, err := conn.Read(buf)
	if err != nil {
		return nil, l.socket.get() != conn, err
	}
	l.received.Add(1)
	l.receivedBytes.Add(uint64(n + l.overhead()))
	return buf[:n], false, nil
}

// open checks a datagram that the relay sealed for us and returns its body, which is
// good until the next call. What is wrong is counted.
func (l *link) open(d []byte) (body []byte, ok bool) {
	h, err := netproto.ParseHeader(d)
	if err != nil {
		return l.drop(stream.DropMalformed)
	}
	body, err = l.down.Open(l.body[:0], d)
	if err != nil || h.Session != l.session {
		return l.drop(stream.DropForged)
	}
	if !l.seen[h.Type&15].Accept(h.Seq) {
		return l.drop(stream.DropReplayed)
	}
	return body, true
}

func (l *link) drop(reason stream.Drop) ([]byte, bool) {
	l.drops[reason].Add(1)
	return nil, false
}
