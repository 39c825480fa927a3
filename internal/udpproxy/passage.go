package udpproxy

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Hold lets TCP stand still, or go on: what comes meanwhile, connections and their ends too, gets through afterwards,
// as on a path on which segments are sent again until one arrives.
func (p *Proxy) Hold(held bool) { p.gate.set(held) }

// Move takes another address towards the relay, or only other ports where it is the same or not valid, as a client
// does that changes its network. Nothing comes through any more on the TCP connections that there are; after that
// time both of their ends are told so. Datagrams on their way to the old address are lost.
func (p *Proxy) Move(from netip.Addr, told time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.from = from
	for w := range p.conns {
		w.strand(told)
	}
	for client, f := range p.flows {
		f.conn.Close()
		delete(p.flows, client)
	}
}

// localUDP is what to send from.
func (p *Proxy) localUDP() *net.UDPAddr {
	if !p.from.IsValid() {
		return nil
	}
	return net.UDPAddrFromAddrPort(netip.AddrPortFrom(p.from, 0))
}

// gate is shut while nothing gets through. The zero value is open.
type gate struct {
	mu   sync.Mutex
	shut chan struct{} // closed when it opens; nil while it is open
}

func (g *gate) set(shut bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case shut && g.shut == nil:
		g.shut = make(chan struct{})
	case !shut && g.shut != nil:
		close(g.shut)
		g.shut = nil
	}
}

// pass waits until it is open; false if ctx ends first.
func (g *gate) pass(ctx context.Context) bool {
	g.mu.Lock()
	shut := g.shut
	g.mu.Unlock()
	if shut == nil {
		return ctx.Err() == nil
	}
	select {
	case <-shut:
		return true
	case <-ctx.Done():
		return false
	}
}

// passage is a TCP connection that is passed on.
type passage struct {
	client  *net.TCPConn
	passing context.Context // ends with the proxy, and when it is stranded
	stop    context.CancelFunc

	mu     sync.Mutex // guards what follows
	target *net.TCPConn
	told   time.Duration // after which both ends are told that it is stranded
}

// passage remembers a connection, so that Close ends it; nil where there is no room for it.
func (p *Proxy) passage(client *net.TCPConn) *passage {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shut || len(p.conns) >= p.cfg.MaxFlows {
		client.Close()
		return nil
	}
	w := &passage{client: client}
	w.passing, w.stop = context.WithCancel(p.ctx)
	p.conns[w] = struct{}{}
	return w
}

// serve passes one connection on, both ways, until both ends have finished.
func (p *Proxy) serve(w *passage) {
	defer func() {
		w.close()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.conns, w)
	}()
	if !p.gate.pass(w.passing) || !p.dial(w) {
		w.linger(p.ctx)
		return
	}
	var back sync.WaitGroup
	back.Go(func() { p.pass(w, w.client, w.target) })
	p.pass(w, w.target, w.client)
	back.Wait()
	w.linger(p.ctx)
}

// dial makes the half towards the relay.
func (p *Proxy) dial(w *passage) bool {
	dialer := net.Dialer{Timeout: 10 * time.Second}
	p.mu.Lock()
	if p.from.IsValid() {
		dialer.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(p.from, 0))
	}
	p.mu.Unlock()
	c, err := dialer.DialContext(w.passing, "tcp", p.cfg.Target)
	if err != nil {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.passing.Err() != nil {
		c.Close()
		return false
	}
	w.target = c.(*net.TCPConn)
	return true
}

// pass copies until from ends, then tells to. A broken to ends from as well.
func (p *Proxy) pass(w *passage, to, from *net.TCPConn) {
	buf := make([]byte, 16<<10)
	for {
		n, err := from.Read(buf)
		if !p.gate.pass(w.passing) {
			return
		}
		if n > 0 {
			if _, broken := to.Write(buf[:n]); broken != nil {
				err = broken
			}
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			_ = to.CloseWrite() // it may be gone already
			return
		default:
			from.Close()
			to.Close()
			return
		}
	}
}

// strand lets nothing more through.
func (w *passage) strand(told time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told = told
	w.stop()
	for _, c := range []*net.TCPConn{w.client, w.target} {
		if c != nil {
			_ = c.SetDeadline(time.Unix(1, 0)) // wakes who reads or writes
		}
	}
}

// linger waits, where the passage is stranded, until both ends are told.
func (w *passage) linger(ctx context.Context) {
	w.mu.Lock()
	told := w.told
	w.mu.Unlock()
	select {
	case <-time.After(told):
	case <-ctx.Done():
	}
}

func (w *passage) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stop()
	w.client.Close()
	if w.target != nil {
		w.target.Close()
	}
}
