// Package udpiotest is UDP in memory: sockets that implement udpio.Conn and
// meet in a Network, for tests that want neither ports nor a kernel.
package udpiotest

import (
	"net/netip"
	"sync"
	"time"

	"github.com/tincan-voice/tincan/internal/udpio"
)

// inboxSize is how many datagrams a Conn holds for its reader; more are lost,
// as they are in a kernel.
const inboxSize = 4096

// Network connects the Conns that were made by its Listen.
type Network struct {
	mu    sync.Mutex
	conns map[netip.AddrPort]*conn
}

// NewNetwork returns a network without sockets.
func NewNetwork() *Network {
	return &Network{conns: make(map[netip.AddrPort]*conn)}
}

type conn struct {
	net   *Network
	local netip.AddrPort
	in    chan udpio.Message
	done  chan struct{}
	once  sync.Once
}

// Listen makes a Conn with the given address, which must be free.
func (n *Network) Listen(addr netip.AddrPort) udpio.Conn {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.conns[addr] != nil {
		panic("udpiotest: address in use: " + addr.String())
	}
	c := &conn{net: n, local: addr, in: make(chan udpio.Message, inboxSize), done: make(chan struct{})}
	n.conns[addr] = c
	return c
}

func (c *conn) Read(msgs []udpio.Message, wait time.Duration) (int, error) {
	select {
	case <-c.done:
		return 0, udpio.ErrClosed
	default:
	}
	if n := c.take(msgs); n > 0 {
		return n, nil
	}
	timeout := time.NewTimer(wait)
	defer timeout.Stop()
	select {
	case <-c.done:
		return 0, udpio.ErrClosed
	case <-timeout.C:
		return 0, nil
	case msgs[0] = <-c.in:
		return 1 + c.take(msgs[1:]), nil
	}
}

// take takes what is there.
func (c *conn) take(msgs []udpio.Message) int {
	for i := range msgs {
		select {
		case msgs[i] = <-c.in:
		default:
			return i
		}
	}
	return len(msgs)
}

func (c *conn) Send(to udpio.Path, d []byte) error {
	select {
	case <-c.done:
		return udpio.ErrClosed
	default:
	}
	c.net.mu.Lock()
	peer := c.net.conns[to.Remote]
	c.net.mu.Unlock()
	if peer == nil {
		return nil // as on a network: nobody says so
	}
	m := udpio.Message{From: udpio.Path{Remote: c.local, Local: to.Remote.Addr()}, Data: append([]byte(nil), d[:min(len(d), udpio.BufferSize)]...)}
	select {
	case peer.in <- m:
	default:
	}
	return nil
}

type group []udpio.Path

func (g group) Len() int { return len(g) }

func (c *conn) NewGroup(to []udpio.Path) udpio.Group { return group(to) }

func (c *conn) SendGroup(g udpio.Group, d []byte, skip []int) (sent int, err error) {
	for i, to := range g.(group) {
		if len(skip) > 0 && skip[0] == i {
			skip = skip[1:]
			continue
		}
		if err := c.Send(to, d); err != nil {
			return sent, err
		}
		sent++
	}
	return sent, nil
}

func (c *conn) LocalAddr() netip.AddrPort { return c.local }

func (c *conn) Close() error {
	err := udpio.ErrClosed
	c.once.Do(func() {
		c.net.mu.Lock()
		delete(c.net.conns, c.local)
		c.net.mu.Unlock()
		close(c.done)
		err = nil
	})
	return err
}
