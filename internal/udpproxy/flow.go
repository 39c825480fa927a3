package udpproxy

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/tincan-voice/tincan/internal/netsim"
)

// flow is one client address.
type flow struct {
	proxy    *Proxy
	client   netip.AddrPort
	conn     *net.UDPConn // towards the relay
	up, down *lane
	ended    chan struct{} // closed when the flow is over
}

// upstream takes what the relay sends to this client, and ends the flow when neither side has
// sent anything for a while.
func (f *flow) upstream() {
	defer f.end()
	buf := make([]byte, maxDatagram)
	for f.proxy.ctx.Err() == nil {
		if err := f.conn.SetReadDeadline(time.Now().Add(f.proxy.cfg.Idle)); err != nil {
			return
		}
		n, err := f.conn.Read(buf)
		switch {
		case err == nil:
			f.down.send(buf[:n])
		case errors.Is(err, os.ErrDeadlineExceeded) && f.up.quiet() >= f.proxy.cfg.Idle:
			return
		case errors.Is(err, net.ErrClosed):
			return
		}
		// Else the relay was not there for an earlier datagram (ICMP), which the client finds
		// out by itself.
	}
}

func (f *flow) end() {
	close(f.ended)
	f.conn.Close()
	p := f.proxy
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.flows[f.client] == f { // else another one has taken its place (Move)
		delete(p.flows, f.client)
	}
	p.ended[0].add(f.up.counters())
	p.ended[1].add(f.down.counters())
}

// lane is one direction of a flow: datagrams wait in it until the network says they arrive.
type lane struct {
	start   time.Time
	deliver func([]byte) error
	wake    chan struct{} // something new may be the next to arrive

	mu                sync.Mutex // guards what follows; no I/O under it
	pipe              netsim.Pipe
	bytes             uint64
	delivered, failed uint64
	last              time.Time // of the last datagram that came in
}

func newLane(start time.Time, link netsim.Link, limit int, deliver func([]byte) error) *lane {
	return &lane{
		start: start, deliver: deliver, wake: make(chan struct{}, 1),
		pipe: netsim.Pipe{Link: link, Limit: limit}, last: time.Now(),
	}
}

// send takes a datagram; d is copied.
func (l *lane) send(d []byte) {
	l.mu.Lock()
	l.last = time.Now()
	l.bytes += uint64(len(d))
	l.pipe.Send(l.last.Sub(l.start), d)
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// run delivers datagrams when they are due, until ended.
func (l *lane) run(ended <-chan struct{}) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		l.mu.Lock()
		d, _, ok := l.pipe.Receive(time.Since(l.start))
		next, more := l.pipe.Next()
		l.mu.Unlock()
		if ok {
			err := l.deliver(d)
			l.mu.Lock()
			if err == nil {
				l.delivered++
			} else {
				l.failed++
			}
			l.mu.Unlock()
			continue
		}
		wait := time.Hour
		if more {
			wait = next - time.Since(l.start)
		}
		timer.Reset(wait)
		select {
		case <-ended:
			return
		case <-l.wake:
		case <-timer.C:
		}
	}
}

// quiet returns for how long nothing has come in.
func (l *lane) quiet() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Since(l.last)
}

func (l *lane) counters() Counters {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Counters{
		Received: uint64(l.pipe.Sent), Bytes: l.bytes, Lost: uint64(l.pipe.Lost), Refused: uint64(l.pipe.Overflowed),
		Delivered: l.delivered, Failed: l.failed,
	}
}
