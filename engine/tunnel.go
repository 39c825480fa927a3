package engine

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/netproto/wire"
)

// Why there is no tunnel.
var (
	errNoTunnel  = errors.New("the relay has no tunnel")
	errNotPinned = errors.New("another relay answers there")
)

// tunnel carries datagrams through TCP: each Write and Read is one. Write never waits; what TCP does not take in time is
// dropped.
type tunnel struct {
	conn net.Conn
	in   *bufio.Reader // owned by the reader
	now  func() time.Duration

	stale *atomic.Uint64 // what was dropped

	mu     sync.Mutex // guards what follows; not held while anything is written
	out    fresh
	closed bool
	wake   sync.Cond // there is something to write, or the end
}

// dialTunnel connects to the relay's TCP port, and makes sure that it is the relay of the control connection.
func dialTunnel(ctx context.Context, to *destination, now func() time.Duration, stale *atomic.Uint64) (*socket, *tunnel, error) {
	if n := to.network; n != nil {
		conn, err := n.Tunnel(ctx)
		if err != nil {
			return nil, nil, err
		}
		t := newTunnel(conn, now, stale)
		return &socket{ReadWriteCloser: t, overhead: n.TunnelOverhead}, t, nil
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", to.tcp.String())
	if err != nil {
		return nil, nil, err
	}
	secured := tls.Client(conn, tlsTo(to.relay.host, netproto.TunnelProtocol))
	err = secured.HandshakeContext(ctx)
	if err == nil {
		switch state := secured.ConnectionState(); {
		case !to.relay.again(state):
			err = errNotPinned
		case state.NegotiatedProtocol != netproto.TunnelProtocol:
			err = errNoTunnel
		}
	}
	if err != nil {
		conn.Close()
		return nil, nil, err
	}
	holdLittle(conn)
	t := newTunnel(secured, now, stale)
	local, _ := netip.ParseAddrPort(conn.LocalAddr().String())
	return &socket{ReadWriteCloser: t, local: local, overhead: wire.TunnelOverhead(to.tcp.Addr())}, t, nil
}

func newTunnel(conn net.Conn, now func() time.Duration, stale *atomic.Uint64) *tunnel {
	t := &tunnel{conn: conn, in: bufio.NewReaderSize(conn, 2+netproto.MaxDatagram), now: now, stale: stale}
	t.wake.L = &t.mu
	return t
}

// Write takes a datagram to be sent.
func (t *tunnel) Write(d []byte) (int, error) {
	now := t.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return 0, net.ErrClosed
	}
	if t.out.put(now, d) {
		t.stale.Add(1)
	}
	t.wake.Signal()
	return len(d), nil
}

// drain writes what there is to write, until the tunnel is closed or breaks.
func (t *tunnel) drain() {
	framed := make([]byte, 0, 2+netproto.MaxDatagram)
	for {
		t.mu.Lock()
		for {
			var ok bool
			var dropped int
			framed, dropped, ok = t.out.take(t.now(), framed[:0])
			t.stale.Add(uint64(dropped))
			if ok || t.closed {
				break
			}
			t.wake.Wait()
		}
		closed := t.closed
		t.mu.Unlock()
		if closed {
			return
		}
		if _, err := t.conn.Write(framed); err != nil {
			t.Close() // which the reader is told
			return
		}
	}
}

// Read waits for a datagram. Any error is the end of the tunnel.
func (t *tunnel) Read(buf []byte) (int, error) {
	var length [2]byte
	if _, err := io.ReadFull(t.in, length[:]); err != nil {
		return 0, err
	}
	n := int(binary.BigEndian.Uint16(length[:]))
	switch {
	case n == 0:
		return 0, netproto.ErrMalformed
	case n > netproto.MaxDatagram || n > len(buf):
		return 0, netproto.ErrTooLarge
	}
	return io.ReadFull(t.in, buf[:n])
}

// Close ends Read and drain.
func (t *tunnel) Close() error {
	t.mu.Lock()
	t.closed = true
	t.wake.Signal()
	t.mu.Unlock()
	// Not with a word, which might wait: a tunnel ends as it breaks.
	if c, ok := t.conn.(interface{ NetConn() net.Conn }); ok {
		return c.NetConn().Close()
	}
	return t.conn.Close()
}
