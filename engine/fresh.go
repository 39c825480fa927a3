package engine

import (
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

const (
	// tunnelStale is how long a datagram may wait for TCP to take it. Later it would come later than any jitter buffer
	// waits for: what is behind it is worth more.
	tunnelStale = 200 * time.Millisecond
	// freshRoom is how many may wait: twice what is sent in that time, one frame per datagram.
	freshRoom = 32
)

// fresh are the datagrams that wait for a tunnel: none for longer than tunnelStale. It is sans-IO. The zero value is ready.
type fresh struct {
	slots       [freshRoom]waiting
	first, next int // of those that wait, without the modulo
}

type waiting struct {
	since time.Duration
	size  int
	data  [netproto.MaxDatagram]byte
}

// put takes a datagram, and reports whether the oldest was dropped for want of room.
func (f *fresh) put(now time.Duration, d []byte) (dropped bool) {
	if dropped = f.next-f.first == freshRoom; dropped {
		f.first++
	}
	w := &f.slots[f.next%freshRoom]
	w.since, w.size = now, copy(w.data[:], d)
	f.next++
	return dropped
}

// take appends the next datagram to dst as it goes through the tunnel, and tells how many before it were stale. Not ok:
// there is none.
func (f *fresh) take(now time.Duration, dst []byte) (framed []byte, dropped int, ok bool) {
	for f.first < f.next {
		w := &f.slots[f.first%freshRoom]
		f.first++
		if now-w.since <= tunnelStale {
			framed, err := netproto.AppendTunnel(dst, w.data[:w.size])
			return framed, dropped, err == nil
		}
		dropped++
	}
	return dst, dropped, false
}
