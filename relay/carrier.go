package relay

import (
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/forward"
)

// carrier is what a tunnel and a WebTransport have in common: a connection that carries datagrams, as a path of sessions.
// What comes by it goes to a lane, in batches that come back; what goes by it waits in a queue.
type carrier struct {
	// Static.
	server *Server
	client *client
	path   forward.Path
	free   chan *batch // those that the lane is done with
	lane   *tunnelLane // from the first batch on

	holders atomic.Int32 // sessions whose path it is
	held    atomic.Bool  // it has been one

	mu     sync.Mutex
	queue  tunnelQueue
	closed bool
	before *net.UDPConn // to the relay before this one; nil: nothing went there
}

// batch is datagrams that came, as they are in a tunnel.
type batch struct {
	by    *carrier
	buf   [tunnelBuffer]byte
	whole int // bytes of it
}

// carry begins: c is the connection, path the carrier itself.
func (t *carrier) carry(c *client, path forward.Tunnel) {
	t.server, t.client, t.path = c.server, c, forward.Path{Remote: c.from, Tunnel: path}
	t.free = make(chan *batch, 2)
	for range cap(t.free) {
		t.free <- &batch{by: t}
	}
}

// prove notes that it has become a session's path, the first time that it has.
func (t *carrier) prove(now time.Duration) (first bool) {
	if !t.held.Load() || t.client.proven {
		return false
	}
	t.client.proven = true
	t.server.admission.settle(now, t.client.entry)
	return true
}

// give hands a batch to the lane.
func (t *carrier) give(b *batch) {
	if t.lane == nil {
		t.lane = t.server.tunnelLaneOf(b)
	}
	t.lane.give(b)
}

// shut has it take nothing more.
func (t *carrier) shut() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed, t.queue = true, tunnelQueue{}
	if t.before != nil {
		t.server.predecessor.shut(t.before)
	}
}

// Hold implements forward.Tunnel.
func (t *carrier) Hold() {
	t.holders.Add(1)
	t.held.Store(true)
}

// Release implements forward.Tunnel.
func (t *carrier) Release(over bool) {
	if t.holders.Add(-1) == 0 && over {
		_ = t.client.link.Close() // and its reader ends
	}
}
