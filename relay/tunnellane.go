package relay

import (
	"encoding/binary"
	"sync"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/forward"
	"github.com/tincan-voice/tincan/internal/udpio"
	"github.com/tincan-voice/tincan/netproto"
)

const (
	// tunnelRetry is how soon a tunnel that stands still is looked at again: half a frame.
	tunnelRetry = 10 * time.Millisecond
	// Under load a datagram waits for others, as it does for bundles (BundleWait): what costs is the segment.
	gatherTime   = 5 * time.Millisecond
	gatherLoad   = 5000 // records per second, about 3 % of a core
	gatherWindow = 50 * time.Millisecond
)

// tunnelLane is a goroutine for the tunnels of some rooms, beside the worker of a socket: it handles what came by them,
// and writes what waits for them. It never waits for one. What comes by a WebTransport it handles too.
//
// Who reads from a tunnel gives it batches, and gets none of the two that a tunnel has back before the lane is done
// with them. So a tunnel that floods it waits for itself.
type tunnelLane struct {
	// Static.
	server *Server
	conn   udpio.Conn // to send with
	wake   chan struct{}

	mu     sync.Mutex
	in     []*batch
	ready  []*tunnel // something waits for them
	called bool      // it will look at these

	// The goroutine's own.
	work   []*batch
	look   []*tunnel // were ready
	still  []*tunnel // did not go on
	retry  time.Duration
	record []byte

	// Load; its own too.
	records int
	weighed time.Duration
	busy    bool
}

func (s *Server) newTunnelLane(conn udpio.Conn) *tunnelLane {
	return &tunnelLane{server: s, conn: conn, wake: make(chan struct{}, 1), record: make([]byte, 0, tunnelRecord)}
}

// tunnelLaneOf is the lane for a batch, and for the tunnel that it came by: by its first session, as datagrams are
// steered to sockets. So the talkers of a room meet, and what goes to its listeners is written in one go.
func (s *Server) tunnelLaneOf(b *batch) *tunnelLane {
	d, _, _ := netproto.ParseTunnel(b.buf[:b.whole]) // there is one at least
	session := uint32(0)
	if len(d) >= netproto.HeaderSize {
		session = binary.BigEndian.Uint32(d[1:])
	}
	return s.lanes[session%uint32(len(s.lanes))]
}

// give takes a batch.
func (l *tunnelLane) give(b *batch) {
	l.mu.Lock()
	l.in = append(l.in, b)
	l.ring()
	l.mu.Unlock()
}

// call has a tunnel's queue looked at.
func (l *tunnelLane) call(t *tunnel) {
	l.mu.Lock()
	l.ready = append(l.ready, t)
	l.ring()
	l.mu.Unlock()
}

// ring wakes the goroutine, unless that was done and it has not looked yet. mu is held.
func (l *tunnelLane) ring() {
	if !l.called {
		l.called = true
		ring(l.wake)
	}
}

// run is the goroutine.
func (l *tunnelLane) run() {
	worker := l.server.core.NewWorker(socketOutput{l.conn})
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-l.server.stop:
			return
		case <-l.wake:
			if l.busy && !l.gather(timer) {
				return
			}
		case <-timer.C:
		}
		now := l.server.now()
		next, ok := l.handle(now, worker)
		if at, more := l.write(now); more && (!ok || at < next) {
			next, ok = at, true
		}
		if ok {
			timer.Reset(max(0, next-l.server.now()))
		}
	}
}

// gather waits for others to call, and reports whether the relay goes on.
func (l *tunnelLane) gather(timer *time.Timer) bool {
	timer.Reset(gatherTime)
	select {
	case <-l.server.stop:
		return false
	case <-timer.C:
		return true
	}
}

// handle has the worker do what is due, and returns when to come again.
func (l *tunnelLane) handle(now time.Duration, worker *forward.Worker) (next time.Duration, ok bool) {
	l.mu.Lock()
	l.work, l.in = l.in, l.work[:0]
	l.mu.Unlock()
	for _, b := range l.work {
		for d, rest, err := netproto.ParseTunnel(b.buf[:b.whole]); err == nil; d, rest, err = netproto.ParseTunnel(rest) {
			if !b.by.passOn(d) {
				worker.Queue(now, b.by.path, d)
			}
		}
	}
	next, ok = worker.Flush(now)
	for i, b := range l.work {
		b.by.free <- b
		l.work[i] = nil
	}
	return next, ok
}

// write writes what waits, and returns when to come again.
func (l *tunnelLane) write(now time.Duration) (next time.Duration, more bool) {
	l.weigh(now)
	l.mu.Lock()
	l.look, l.ready = l.ready, l.look[:0]
	if l.called = false; len(l.in) > 0 {
		l.ring() // they came meanwhile
	}
	l.mu.Unlock()
	if len(l.still) > 0 && now >= l.retry {
		l.look, l.still = append(l.look, l.still...), l.still[:0]
	}
	for i, t := range l.look {
		if t.flush(l.record) {
			if len(l.still) == 0 {
				l.retry = now + tunnelRetry
			}
			l.still = append(l.still, t)
		}
		l.look[i] = nil
	}
	return l.retry, len(l.still) > 0
}

// weigh measures the load.
func (l *tunnelLane) weigh(now time.Duration) {
	if over := now - l.weighed; over >= gatherWindow {
		l.busy = float64(l.records) > gatherLoad*over.Seconds()
		l.weighed, l.records = now, 0
	}
}

// ring wakes who waits for the bell.
func ring(bell chan struct{}) {
	select {
	case bell <- struct{}{}:
	default:
	}
}
