package relay

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

const (
	// renewEvery is how often the time is put off after which a tunnel is closed by which nothing came.
	renewEvery = time.Second
	// tunnelBuffer is how much is read at once: a datagram, and most of another.
	tunnelBuffer = 2 << 10
	// maxUnwritten bounds what of TLS's own records may wait for who reads nothing, in bytes.
	maxUnwritten = 16 << 10
	// askEvery is how often the kernel is asked whether TCP goes on: to ask before each write took 0.7 of the 8.4 us that
	// a delivery takes.
	askEvery = 50 * time.Millisecond
)

// tunnel is a TLS connection that carries datagrams (docs/protocol.md, section 12), and a path of sessions:
//
//	its reader --batch--> its lane: a forward.Worker, as those of UDP have
//	any worker --Send---> its queue --> its lane: all that is ready in one TLS record
//
// What waits for too long in the queue is dropped. So one that stands still costs the others nothing.
type tunnel struct {
	carrier
	conn   net.Conn // TLS
	socket tunnelSocket

	listed bool // the lane will look at it; guarded by mu

	went time.Duration // when TCP went on for the last time that we asked; the lane's own

	// Guarded by out: the lane writes, and at times TLS for the reader.
	out       sync.Mutex
	flow      flow
	unwritten []byte      // of records that the kernel has not taken
	stuck     atomic.Bool // there is some of that; others may look
}

// newTunnel makes a tunnel of a client's connection, which has shaken hands.
func (s *Server) newTunnel(c *client) *tunnel {
	t := &tunnel{conn: c.conn}
	t.carry(c, t)
	_ = c.link.SetWriteDeadline(time.Time{})
	t.socket.use(&c.link)
	c.link.tunnel = t
	return t
}

// read is the tunnel's goroutine.
func (t *tunnel) read() {
	defer t.client.close()
	defer t.shut()
	begun := <-t.free
	have, renewed := 0, time.Duration(0) // until it is a session's path it has the time for a name
	for {
		n, err := t.conn.Read(begun.buf[have:])
		now := t.server.now()
		proven := t.prove(now)
		if proven || err == nil && t.client.proven && now-renewed > renewEvery {
			renewed = now
			_ = t.client.link.SetReadDeadline(time.Now().Add(t.server.core.Silence()))
		}
		if err != nil && !(proven && errors.Is(err, os.ErrDeadlineExceeded)) {
			return
		}
		have += n
		rest := begun.buf[:have]
		for err = nil; err == nil; {
			_, rest, err = netproto.ParseTunnel(rest)
		}
		if err != netproto.ErrNeedMore {
			return
		}
		if begun.whole = have - len(rest); begun.whole == 0 {
			continue
		}
		var next *batch
		select {
		case next = <-t.free:
		case <-t.server.stop:
			return
		}
		have = copy(next.buf[:], rest)
		t.give(begun)
		begun = next
	}
}

// Send implements forward.Tunnel.
func (t *tunnel) Send(d []byte) bool {
	now := t.server.now()
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return false
	}
	overdue := t.queue.push(now, d)
	call := !t.listed
	t.listed = true
	t.mu.Unlock()
	t.server.core.Overdue(overdue)
	if call {
		t.lane.call(t)
	}
	return true
}

// Reliable implements forward.Tunnel: what TCP has taken comes.
func (*tunnel) Reliable() bool { return true }

// flush writes what waits, as far as TCP goes on with it, and reports whether there is more. record is the lane's
// memory.
func (t *tunnel) flush(record []byte) (more bool) {
	for more = true; more; {
		now := t.server.now()
		goesOn := t.goesOn(now)
		record = record[:0]
		t.mu.Lock()
		overdue := t.queue.expire(now)
		if goesOn {
			record = t.queue.take(record)
		}
		more = !t.closed && (len(t.queue.waiting) > 0 || t.stuck.Load())
		t.listed = more
		t.mu.Unlock()
		t.server.core.Overdue(overdue)
		if len(record) == 0 {
			return more
		}
		t.lane.records++
		if _, err := t.conn.Write(record); err != nil {
			_ = t.client.link.Close()
			return false
		}
	}
	if t.stuck.Load() {
		t.mu.Lock()
		t.listed = true
		t.mu.Unlock()
		return true
	}
	return false
}

// goesOn tells whether TCP would send more at once, and what it has sent is acknowledged in time: there would be no
// calling back what it is given. TCP_NOTSENT_LOWAT would not do, as the last segment may grow beyond it to 64 KiB.
func (t *tunnel) goesOn(now time.Duration) bool {
	if !t.stuck.Load() && now-t.went < askEvery {
		return true
	}
	t.out.Lock()
	defer t.out.Unlock()
	if t.unstick(now); len(t.unwritten) > 0 {
		return false
	}
	unacked, unsent := t.socket.waiting()
	age := t.flow.age(now, unacked)
	if unsent > 0 || age > tunnelWait && age > tunnelWait+t.socket.rtt() {
		return false
	}
	t.went = now
	return true
}

// unstick writes what was left of records. An error ends the reader too.
func (t *tunnel) unstick(now time.Duration) {
	if len(t.unwritten) == 0 {
		return
	}
	n, _ := t.socket.write(t.unwritten)
	t.flow.wrote(now, n)
	t.unwritten = append(t.unwritten[:0], t.unwritten[n:]...)
	t.stuck.Store(len(t.unwritten) > 0)
}

// writeNow is the link's Write: it writes what the kernel takes, and keeps the rest for unstick.
func (t *tunnel) writeNow(p []byte) (int, error) {
	t.out.Lock()
	defer t.out.Unlock()
	n := 0
	if len(t.unwritten) == 0 {
		var err error
		if n, err = t.socket.write(p); err != nil {
			return 0, err
		}
		t.flow.wrote(t.server.now(), n)
	}
	if n == len(p) {
		return n, nil
	}
	t.unwritten = append(t.unwritten, p[n:]...)
	t.stuck.Store(true)
	if len(t.unwritten) > maxUnwritten {
		return 0, errUnread
	}
	return len(p), nil
}

var errUnread = errors.New("the client reads nothing")
