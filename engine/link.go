package engine

import (
	"net"
	"net/netip"
	"sync/atomic"

	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/netproto/wire"
	"github.com/tincan-voice/tincan/stream"
)

// link is the UDP socket to the relay, with the keys of the hop and the counters of what
// went through. Its methods may be called from any goroutine, but for open.
type link struct {
	conn     *net.UDPConn
	session  uint32
	overhead int // bytes of IP and UDP headers per datagram
	up, down *netproto.Sealer
	tag      *netproto.TagKey
	seqs     [16]atomic.Uint32 // last sequence number sent, by type

	sent, sentBytes         atomic.Uint64 // bytes with headers
	received, receivedBytes atomic.Uint64
	failed                  atomic.Uint64
	drops                   [len(stream.DropCounts{})]atomic.Uint64

	// owned by the datagram reader
	seen [16]netproto.ReplayWindow // by type
	body []byte
}

// dialLink opens a socket to the relay's UDP port on the host that TCP led to.
func dialLink(tcp net.Addr, s netproto.Session) (*link, error) {
	to, err := netip.ParseAddrPort(tcp.String())
	if err != nil {
		return nil, err
	}
	if s.UDP != 0 {
		to = netip.AddrPortFrom(to.Addr(), uint16(s.UDP))
	}
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		return nil, err
	}
	l := &link{conn: conn, session: s.Session, overhead: wire.Overhead(to.Addr()), body: make([]byte, 0, netproto.MaxDatagram)}
	hop := netproto.HopKey(s.HopKey)
	l.up, l.down, l.tag = netproto.NewSealer(hop.Up()), netproto.NewSealer(hop.Down()), hop.TagKey()
	return l, nil
}

// port is the local UDP port, for CLIENT_PORT.
func (l *link) port() int { return l.conn.LocalAddr().(*net.UDPAddr).Port }

// send sends a finished datagram. Failures are counted: they are as good as losses.
func (l *link) send(d []byte) {
	if _, err := l.conn.Write(d); err != nil {
		l.failed.Add(1)
		return
	}
	l.sent.Add(1)
	l.sentBytes.Add(uint64(len(d) + l.overhead))
}

// sendSealed seals a body for the relay and sends it.
func (l *link) sendSealed(t netproto.Type, body []byte) {
	h := netproto.Header{Type: t, Session: l.session, Seq: l.seqs[t&15].Add(1)}
	l.send(l.up.Seal(nil, h, body))
}

// receive waits for a datagram and returns it in buf. The error is that of a closed
// socket, or a passing one such as a refused port.
func (l *link) receive(buf []byte) ([]byte, error) {
	n, err := l.conn.Read(buf)
	if err != nil {
		return nil, err
	}
	l.received.Add(1)
	l.receivedBytes.Add(uint64(n + l.overhead))
	return buf[:n], nil
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
