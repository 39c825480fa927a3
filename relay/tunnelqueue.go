package relay

import (
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

const (
	// tunnelWait is how long a datagram may wait for a tunnel: as long as the least time after which TCP sends again
	// what it has no answer to (200 ms on Linux). So what TCP repairs at once, by a fast retransmission, loses nothing;
	// and what has to wait for longer, later than most jitter buffers play, makes way for newer voice.
	tunnelWait = 200 * time.Millisecond
	// tunnelRecord is how many bytes go into one TLS record at most, and so what may get stuck in the kernel.
	tunnelRecord = 4 << 10
	// tunnelKept is how many bytes of memory a queue keeps for later.
	tunnelKept = 4 << 10
)

// tunnelQueue is what waits for a tunnel, as it will go through it.
type tunnelQueue struct {
	waiting []waiting
	bytes   []byte // of these, one after another, from start on
	start   int
}

// waiting is a datagram in a tunnelQueue.
type waiting struct {
	since time.Duration
	size  int // in the tunnel
}

// push adds a datagram, and returns how many that have waited for too long had to go.
func (q *tunnelQueue) push(now time.Duration, d []byte) (overdue int) {
	overdue = q.expire(now)
	before := len(q.bytes)
	framed, err := netproto.AppendTunnel(q.bytes, d)
	if err != nil {
		panic("relay: " + err.Error()) // what we send is a datagram
	}
	q.bytes = framed
	q.waiting = append(q.waiting, waiting{now, len(framed) - before})
	return overdue
}

// expire drops what has waited for too long, and returns how many datagrams that was.
func (q *tunnelQueue) expire(now time.Duration) (overdue int) {
	for overdue < len(q.waiting) && now-q.waiting[overdue].since > tunnelWait {
		q.start += q.waiting[overdue].size
		overdue++
	}
	q.drop(overdue)
	return overdue
}

// take appends what fits into a record to dst, and takes it out of the queue.
func (q *tunnelQueue) take(dst []byte) []byte {
	n, size := 0, 0
	for n < len(q.waiting) && size+q.waiting[n].size <= tunnelRecord {
		size += q.waiting[n].size
		n++
	}
	dst = append(dst, q.bytes[q.start:q.start+size]...)
	q.start += size
	q.drop(n)
	return dst
}

// drop takes the first n out, whose bytes are before start.
func (q *tunnelQueue) drop(n int) {
	if n == 0 {
		return
	}
	q.waiting = append(q.waiting[:0], q.waiting[n:]...)
	q.bytes = append(q.bytes[:0], q.bytes[q.start:]...)
	q.start = 0
	if len(q.waiting) == 0 && cap(q.bytes) > tunnelKept {
		*q = tunnelQueue{}
	}
}

// flow tells whether TCP stands still, from what is not acknowledged. It times one byte at a time, as TCP measures
// round trips.
type flow struct {
	written uint64        // bytes
	timed   uint64        // so many were written with the one that is timed; 0: none is
	since   time.Duration // when that one was written
}

// wrote notes n bytes that the kernel has taken.
func (f *flow) wrote(now time.Duration, n int) {
	f.written += uint64(n)
	if f.timed == 0 && n > 0 {
		f.timed, f.since = f.written, now
	}
}

// age is how long the timed byte has been waiting for an acknowledgement, where so many bytes are.
func (f *flow) age(now time.Duration, unacked int) time.Duration {
	if f.timed != 0 && f.written-uint64(unacked) >= f.timed {
		f.timed = 0
	}
	if f.timed == 0 {
		return 0
	}
	return now - f.since
}
