package relay

import (
	"sync/atomic"

	"github.com/tincan-voice/tincan/netproto"
)

// batch is datagrams that have been decided on under a lock and go out after it.
type batch struct {
	bytes []byte
	sends []sending
}

type sending struct {
	to   Path
	end  int            // in bytes
	sent *atomic.Uint64 // counter
	n    uint64         // to add to it
}

// add takes a copy of d.
func (b *batch) add(to Path, d []byte, sent *atomic.Uint64, n int) {
	b.bytes = append(b.bytes, d...)
	b.done(to, sent, n)
}

// again adds a copy of a datagram of voice that has been sent to this listener before, with that count.
func (b *batch) again(to Path, d []byte, count uint8, sent *atomic.Uint64) {
	b.bytes = append(b.bytes, d...)
	netproto.SetHop(b.bytes, netproto.Hop{Count: count, Again: true})
	b.done(to, sent, 1)
}

// done ends a datagram that has been appended to bytes.
func (b *batch) done(to Path, sent *atomic.Uint64, n int) {
	b.sends = append(b.sends, sending{to: to, end: len(b.bytes), sent: sent, n: uint64(n)})
}

// emit sends what has been collected.
func (w *Worker) emit() {
	start := 0
	for i := range w.batch.sends {
		s := &w.batch.sends[i]
		if w.out.Send(s.to, w.batch.bytes[start:s.end]) {
			s.sent.Add(s.n)
		} else {
			w.count.drops[DropSend].Add(s.n)
		}
		start = s.end
	}
	w.batch.bytes, w.batch.sends = w.batch.bytes[:0], w.batch.sends[:0]
}
