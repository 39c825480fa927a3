//go:build js && wasm

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall/js"
	"time"

	"github.com/tincan-voice/tincan/engine"
	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/netproto/wire"
)

const (
	// quicHeaders is what QUIC adds to a datagram of ours inside UDP's: a short header with a connection ID of 8 bytes
	// and a packet number of 2 (RFC 9000, 17.3), the AEAD's tag of 16 (RFC 9001, 5.3), the frame's type (RFC 9221, 4),
	// and the stream's ID of the session (RFC 9297, 2.1).
	quicHeaders = 1 + 8 + 2 + 16 + 1 + 1
	// frameHeaders is what a WebSocket adds to a message from a browser: 2 bytes, and a mask of 4 (RFC 6455, 5.2).
	frameHeaders = 6

	// mostWaiting is how many bytes may wait in the browser for TCP to take them: three datagrams of voice, as for other
	// clients.
	mostWaiting = 512
	// waitEvery is how often it is looked whether they have gone: nothing tells.
	waitEvery = 5 * time.Millisecond
	// mostUnread bounds what the relay may send faster than the engine reads: a browser's WebSocket cannot make it wait.
	mostUnread = 4 << 20
	// roomIn is how many datagrams wait for the engine at most: some 0.3 s of four talkers.
	roomIn = 64
)

// errNoWay: the browser's connection has ended.
var errNoWay = errors.New("the browser's connection has ended")

// network is how a browser reaches the relay: host is the object of worker.js.
func network(host js.Value) *engine.Network {
	n := &engine.Network{
		Control: func(ctx context.Context) (net.Conn, error) { return dialStream(ctx, host, "") },
		Tunnel:  func(ctx context.Context) (net.Conn, error) { return dialStream(ctx, host, netproto.TunnelProtocol) },

		Overhead:       wire.IPv4Overhead + quicHeaders,
		TunnelOverhead: wire.TunnelOverhead(netip.IPv4Unspecified()) + frameHeaders,
	}
	if host.Call("hasDatagrams").Bool() {
		n.Datagrams = func() (engine.DatagramConn, error) { return openDatagrams(host), nil }
	}
	return n
}

// stream is a WebSocket as a stream of bytes: one end of a pipe, which has the deadlines, whose other end is pumped.
type stream struct {
	net.Conn
	socket        js.Value
	on            js.Func
	opened        chan string // the subprotocol that the relay speaks
	ended         chan struct{}
	once, release sync.Once

	mu     sync.Mutex // guards what follows
	why    string
	unread [][]byte
	bytes  int
	more   chan struct{}
}

// dialStream opens a WebSocket.
func dialStream(ctx context.Context, host js.Value, protocol string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	s := &stream{Conn: ours, opened: make(chan string, 1), ended: make(chan struct{}), more: make(chan struct{}, 1)}
	s.on = js.FuncOf(s.happened)
	s.socket = host.Call("openStream", protocol, s.on)
	select {
	case spoken := <-s.opened:
		if spoken != protocol {
			s.Close()
			return nil, fmt.Errorf("the relay does not speak %q", protocol)
		}
	case <-s.ended:
		s.Close()
		return nil, fmt.Errorf("no WebSocket to the relay (%s)", s.reason())
	case <-ctx.Done():
		s.Close()
		return nil, fmt.Errorf("no WebSocket to the relay: %w", context.Cause(ctx))
	}
	go s.pumpIn(theirs)
	go s.pumpOut(theirs)
	return s, nil
}

// happened is called by transport.js. It must not wait.
func (s *stream) happened(_ js.Value, args []js.Value) any {
	switch args[0].String() {
	case "open":
		s.opened <- args[1].String()
	case "data":
		d := make([]byte, args[1].Length())
		js.CopyBytesToGo(d, args[1])
		s.mu.Lock()
		s.unread, s.bytes = append(s.unread, d), s.bytes+len(d)
		flooded := s.bytes > mostUnread
		s.mu.Unlock()
		if flooded {
			s.end("the relay sends more than can be read")
			break
		}
		select {
		case s.more <- struct{}{}:
		default:
		}
	case "closed":
		s.end(args[1].String())
	}
	return nil
}

// end takes that the WebSocket is at its end.
func (s *stream) end(why string) {
	s.once.Do(func() {
		s.mu.Lock()
		s.why = why
		s.mu.Unlock()
		close(s.ended)
	})
}

func (s *stream) reason() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.why
}

// pumpIn carries what comes to the engine, until the WebSocket or the engine ends.
func (s *stream) pumpIn(theirs net.Conn) {
	defer theirs.Close()
	for {
		s.mu.Lock()
		var d []byte
		if len(s.unread) > 0 {
			d, s.unread = s.unread[0], s.unread[1:]
			s.bytes -= len(d)
		}
		s.mu.Unlock()
		if d == nil {
			select {
			case <-s.more:
				continue
			case <-s.ended:
				return
			}
		}
		if _, err := theirs.Write(d); err != nil {
			return
		}
	}
}

// pumpOut carries what the engine writes. It takes no more while the browser still has what it was given.
func (s *stream) pumpOut(theirs net.Conn) {
	defer theirs.Close()
	buf := make([]byte, 4096)
	bytes := js.Global().Get("Uint8Array").New(len(buf))
	for {
		n, err := theirs.Read(buf)
		if err != nil {
			return
		}
		js.CopyBytesToJS(bytes, buf[:n])
		s.socket.Call("send", bytes.Call("subarray", 0, n))
		for s.socket.Call("buffered").Int() > mostWaiting {
			select {
			case <-time.After(waitEvery):
			case <-s.ended:
				return
			}
		}
	}
}

// Close ends it. transport.js calls nothing of it afterwards.
func (s *stream) Close() error {
	s.end("closed")
	s.release.Do(func() {
		s.socket.Call("close")
		s.on.Release()
	})
	return s.Conn.Close()
}

// datagrams are those of a WebTransport session.
type datagrams struct {
	session js.Value
	on      js.Func
	out     js.Value // a scratch Uint8Array
	in      chan []byte
	broken  atomic.Bool // it is at its end, and is to be opened anew
	closed  chan struct{}
	once    sync.Once
	until   atomic.Int64 // deadline of Read in Unix nanoseconds, 0: none
}

// openDatagrams begins a session and waits for nothing.
func openDatagrams(host js.Value) *datagrams {
	d := &datagrams{in: make(chan []byte, roomIn), closed: make(chan struct{})}
	d.out = js.Global().Get("Uint8Array").New(netproto.MaxDatagram)
	d.on = js.FuncOf(d.happened)
	d.session = host.Call("openDatagrams", d.on)
	return d
}

// happened is called by transport.js. It must not wait.
func (d *datagrams) happened(_ js.Value, args []js.Value) any {
	switch args[0].String() {
	case "data":
		b := make([]byte, args[1].Length())
		js.CopyBytesToGo(b, args[1])
		select {
		case d.in <- b:
		default: // the engine is late: so is this, by now
		}
	case "closed":
		d.broken.Store(true)
	}
	return nil
}

// Write sends a datagram.
func (d *datagrams) Write(b []byte) (int, error) {
	select {
	case <-d.closed:
		return 0, net.ErrClosed
	default:
	}
	if d.broken.Load() {
		return 0, errNoWay
	}
	n := js.CopyBytesToJS(d.out, b)
	d.session.Call("send", d.out.Call("slice", 0, n))
	return len(b), nil
}

// Read waits for a datagram. That the session has broken it does not tell: Write does.
func (d *datagrams) Read(b []byte) (int, error) {
	var late <-chan time.Time
	if at := d.until.Load(); at != 0 {
		timer := time.NewTimer(time.Until(time.Unix(0, at)))
		defer timer.Stop()
		late = timer.C
	}
	select {
	case got := <-d.in:
		if len(got) > len(b) {
			return 0, io.ErrShortBuffer
		}
		return copy(b, got), nil
	case <-late:
		return 0, os.ErrDeadlineExceeded
	case <-d.closed:
		return 0, net.ErrClosed
	}
}

// SetReadDeadline is for Reads that begin afterwards.
func (d *datagrams) SetReadDeadline(at time.Time) error {
	if at.IsZero() {
		d.until.Store(0)
	} else {
		d.until.Store(at.UnixNano())
	}
	return nil
}

// Close ends the session.
func (d *datagrams) Close() error {
	d.once.Do(func() {
		close(d.closed)
		d.session.Call("close")
		d.on.Release()
	})
	return nil
}
