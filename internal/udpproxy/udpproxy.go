// Package udpproxy puts an imitated network between programs that talk over real sockets: it
// listens where the clients think the relay is, passes TCP on untouched and sends UDP through
// the links of package netsim, each way, in real time. Hold lets TCP stand still as well, and Move takes
// another address towards the relay.
//
//	             +--------------------- Proxy ---------------------+
//	client ----- | TCP ------------------------------------------- | ---- relay
//	             |                                                 |
//	client ~~~~~ | UDP --> lane up (netsim) --> socket of the flow | ~~~~ relay
//	       ~~~~~ | <------ lane down (netsim) <------------------- | ~~~~
//	             +-------------------------------------------------+
//
// Every client address is a flow with two lanes, and a socket towards the relay, of its own, so
// the relay tells clients apart and no client queues behind another. Flows without traffic
// end. Everything is bounded: flows, connections, datagrams under way.
//
// Goroutines: accept and receive (one each), per TCP connection serve and one that copies back, per flow
// upstream, and one per lane. Close ends and joins them all.
package udpproxy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/tincan-voice/tincan/internal/netsim"
)

// Config says what a Proxy does. Network and Target are required.
type Config struct {
	Listen string // host:port for TCP and UDP; "" is 127.0.0.1:0, any free port
	Target string // host:port of the relay
	// Network makes the links of a new flow, the number-th since the start, counted from 0.
	Network func(number uint64) (up, down netsim.Link)

	Idle        time.Duration // after which a flow without traffic ends; 0 is one minute
	MaxFlows    int           // flows, and TCP connections, at a time; 0 is 1024
	MaxUnderWay int           // datagrams under way per lane; 0 is 4096
}

// Counters are the datagrams of one direction since the start, over all flows.
type Counters struct {
	Received  uint64 // came in
	Bytes     uint64 // UDP payload of those
	Lost      uint64 // the network lost
	Refused   uint64 // did not fit within MaxFlows or MaxUnderWay
	Delivered uint64 // went out, duplicates included
	Failed    uint64 // the socket would not take
}

// Stats is what a Proxy has done.
type Stats struct {
	Up, Down    Counters
	Flows       int // at present
	Connections int // TCP, at present
}

// Proxy is a running proxy. Use Start.
type Proxy struct {
	cfg    Config
	target netip.AddrPort
	tcp    *net.TCPListener
	udp    *net.UDPConn
	start  time.Time
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu    sync.Mutex // guards what follows; no I/O under it
	flows map[netip.AddrPort]*flow
	made  uint64 // flows ever
	conns map[*passage]struct{}
	ended [2]Counters // of flows that are over; Refused of what had no flow
	from  netip.Addr  // of ours towards the relay; invalid: whichever the system takes
	shut  bool

	gate gate // of TCP
}

// Start begins to listen.
func Start(cfg Config) (*Proxy, error) {
	cfg.Listen = cmp.Or(cfg.Listen, "127.0.0.1:0")
	cfg.Idle = cmp.Or(cfg.Idle, time.Minute)
	cfg.MaxFlows = cmp.Or(cfg.MaxFlows, 1024)
	cfg.MaxUnderWay = cmp.Or(cfg.MaxUnderWay, 4096)
	target, err := net.ResolveUDPAddr("udp", cfg.Target)
	if err != nil {
		return nil, fmt.Errorf("target of the proxy: %w", err)
	}
	tcp, udp, err := listen(cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen for the proxy: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &Proxy{
		cfg: cfg, target: unmap(target.AddrPort()), tcp: tcp, udp: udp, start: time.Now(),
		ctx: ctx, cancel: cancel,
		flows: map[netip.AddrPort]*flow{}, conns: map[*passage]struct{}{},
	}
	p.work.Go(p.accept)
	p.work.Go(p.receive)
	return p, nil
}

// listen opens TCP and UDP on one port. Where the port is free to choose, another one is tried
// when it is taken on UDP.
func listen(address string) (*net.TCPListener, *net.UDPConn, error) {
	const attempts = 100
	for attempt := 1; ; attempt++ {
		l, err := net.Listen("tcp", address)
		if err != nil {
			return nil, nil, err
		}
		udp, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(l.Addr().(*net.TCPAddr).AddrPort()))
		if err == nil {
			return l.(*net.TCPListener), udp, nil
		}
		l.Close()
		if _, port, _ := net.SplitHostPort(address); port != "0" || attempt == attempts {
			return nil, nil, err
		}
	}
}

func unmap(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

// Addr is where the proxy listens, on TCP and UDP.
func (p *Proxy) Addr() netip.AddrPort { return unmap(p.tcp.Addr().(*net.TCPAddr).AddrPort()) }

// Stats returns the counters.
func (p *Proxy) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := Stats{Up: p.ended[0], Down: p.ended[1], Flows: len(p.flows), Connections: len(p.conns)}
	for _, f := range p.flows {
		s.Up.add(f.up.counters())
		s.Down.add(f.down.counters())
	}
	return s
}

func (c *Counters) add(d Counters) {
	c.Received += d.Received
	c.Bytes += d.Bytes
	c.Lost += d.Lost
	c.Refused += d.Refused
	c.Delivered += d.Delivered
	c.Failed += d.Failed
}

// Close ends every flow and connection and waits until all is gone.
func (p *Proxy) Close() error {
	p.mu.Lock()
	p.shut = true
	p.cancel()
	err := errors.Join(p.tcp.Close(), p.udp.Close())
	for c := range p.conns {
		c.close()
	}
	for _, f := range p.flows {
		f.conn.Close()
	}
	p.mu.Unlock()
	p.work.Wait()
	if errors.Is(err, net.ErrClosed) { // closed before
		return nil
	}
	return err
}

// accept takes TCP connections and passes each to the target.
func (p *Proxy) accept() {
	for {
		c, err := p.tcp.Accept()
		switch {
		case p.ctx.Err() != nil:
			if err == nil {
				c.Close()
			}
			return
		case err != nil: // out of descriptors, for instance
			select {
			case <-time.After(10 * time.Millisecond):
			case <-p.ctx.Done():
			}
		default:
			if w := p.passage(c.(*net.TCPConn)); w != nil {
				p.work.Go(func() { p.serve(w) })
			}
		}
	}
}

// maxDatagram is the largest UDP payload there is.
const maxDatagram = 65535

// receive takes the datagrams of all clients.
func (p *Proxy) receive() {
	buf := make([]byte, maxDatagram)
	for p.ctx.Err() == nil {
		n, from, err := p.udp.ReadFromUDPAddrPort(buf)
		if err != nil {
			continue // an ICMP error of an earlier send, or the end
		}
		if f := p.flow(from); f != nil {
			f.up.send(buf[:n])
		}
	}
}

// flow returns the flow of a client, a new one where needed, nil where there is no room.
func (p *Proxy) flow(client netip.AddrPort) *flow {
	p.mu.Lock()
	defer p.mu.Unlock()
	if f := p.flows[client]; f != nil || p.shut {
		return f
	}
	var conn *net.UDPConn
	err := error(nil)
	if len(p.flows) < p.cfg.MaxFlows {
		conn, err = net.DialUDP("udp", p.localUDP(), net.UDPAddrFromAddrPort(p.target))
	}
	if conn == nil || err != nil {
		p.ended[0].Received++
		p.ended[0].Refused++
		return nil
	}
	up, down := p.cfg.Network(p.made)
	p.made++
	f := &flow{proxy: p, client: client, conn: conn, ended: make(chan struct{})}
	f.up = newLane(p.start, up, p.cfg.MaxUnderWay, func(d []byte) error {
		_, err := conn.Write(d)
		return err
	})
	f.down = newLane(p.start, down, p.cfg.MaxUnderWay, func(d []byte) error {
		_, err := p.udp.WriteToUDPAddrPort(d, client)
		return err
	})
	p.flows[client] = f
	p.work.Go(f.upstream)
	p.work.Go(func() { f.up.run(f.ended) })
	p.work.Go(func() { f.down.run(f.ended) })
	return f
}
