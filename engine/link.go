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

// traffic counts what went by all paths of a call. Its sequence numbers go on from session to session, and are those of
// all paths: so no number comes twice under a key, whatever keys a relay gives.
type traffic struct {
	seqs [16]atomic.Uint32 // last sequence number sent, by type

	sent, sentBytes         atomic.Uint64 // bytes with headers
	received, receivedBytes atomic.Uint64
	failed                  atomic.Uint64 // not taken by the system
	stale                   atomic.Uint64 // counted as sent, and dropped as TCP did not take them in time
	drops                   [len(stream.DropCounts{})]atomic.Uint64
}

// link is what all paths to the relay have in common under one session: the keys of the hop, and where the relay is. Its
// methods may be called from any goroutine.
type link struct {
	*traffic
	to       atomic.Pointer[destination]
	session  uint32
	hop      netproto.HopKey
	up, down *netproto.Sealer
	tag      *netproto.TagKey
	seen     [16]netproto.ReplayWindow // by type
	twice    atomic.Bool               // there have been two paths: what is there already has come by the other one
	leading  sync.Mutex                // guards that to and the socket for UDP belong together
}

// destination is where the relay is: by UDP, and how many bytes IP and UDP add to a datagram there; by TCP, with the
// what it has presented there.
type destination struct {
	netip.AddrPort
	overhead int
	tcp      netip.AddrPort
	relay    presented
	network  *Network // instead, nil: none
}

// whereIs is the relay to which a control connection leads.
func whereIs(ctl *control, s netproto.Session) (*destination, error) {
	if ctl.network != nil {
		return &destination{overhead: ctl.network.Overhead, network: ctl.network}, nil
	}
	tcp, err := netip.ParseAddrPort(ctl.conn.RemoteAddr().String())
	if err != nil {
		return nil, err
	}
	udp := tcp
	if s.UDP != 0 {
		udp = netip.AddrPortFrom(tcp.Addr(), uint16(s.UDP))
	}
	return &destination{AddrPort: udp, overhead: wire.Overhead(tcp.Addr()), tcp: tcp, relay: ctl.relay}, nil
}

// newLink makes the link of a session. t goes on.
func newLink(ctl *control, s netproto.Session, t *traffic) (*link, error) {
	to, err := whereIs(ctl, s)
	if err != nil {
		return nil, err
	}
	l := &link{traffic: t, session: s.Session, hop: netproto.HopKey(s.HopKey)}
	l.to.Store(to)
	l.up, l.down, l.tag = netproto.NewSealer(l.hop.Up()), netproto.NewSealer(l.hop.Down()), l.hop.TagKey()
	return l, nil
}

// dial opens a socket on the way that now leads there.
func (d *destination) dial() (DatagramConn, error) {
	if d.network != nil {
		return d.network.dial()
	}
	return net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(d.AddrPort))
}

// send sends a finished datagram by a path. Failures are counted: they are as good as losses.
func (l *link) send(p *path, d []byte) {
	s := p.socket.get()
	if s == nil {
		return
	}
	if _, err := s.Write(d); err != nil {
		l.failed.Add(1)
		// The relay does not run, or the socket has just been replaced: that is not for want of a way.
		if !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, net.ErrClosed) {
			p.barred.Add(1)
		}
		return
	}
	l.sent.Add(1)
	l.sentBytes.Add(uint64(len(d) + s.overhead))
}

// seal seals a body for the relay.
func (l *link) seal(t netproto.Type, body []byte) []byte {
	h := netproto.Header{Type: t, Session: l.session, Seq: l.seqs[t&15].Add(1)}
	return l.up.Seal(nil, h, body)
}

// open checks a datagram that the relay sealed for us and appends its body to dst. What is wrong is counted.
func (l *link) open(dst, d []byte) (body []byte, ok bool) {
	h, err := netproto.ParseHeader(d)
	if err != nil {
		return l.drop(stream.DropMalformed)
	}
	body, err = l.down.Open(dst, d)
	if err != nil || h.Session != l.session {
		return l.drop(stream.DropForged)
	}
	switch accepted := l.seen[h.Type&15].Accept(h.Seq); {
	case !accepted && l.twice.Load():
		return l.drop(stream.DropTwin)
	case !accepted:
		return l.drop(stream.DropReplayed)
	}
	return body, true
}

func (l *link) drop(reason stream.Drop) ([]byte, bool) {
	l.drops[reason].Add(1)
	return nil, false
}
