package mend

import (
	"sync/atomic"

	"github.com/tincan-voice/tincan/netproto"
)

// Batch is datagrams that have been decided on under a room's lock and go out after it.
type Batch struct {
	Bytes []byte    // all of them, one after another
	Sends []Sending // in the order in which they go
}

// Sending is one datagram of a Batch.
type Sending struct {
	To   uint32         // session
	Type netproto.Type  // TypeVoice: as it is, a bundle perhaps; else the body of one that is still to be sealed
	End  int            // in Bytes
	N    uint64         // datagrams of voice in it; 1 of another type
	Sent *atomic.Uint64 // gets N when it went out; nil: is not counted
}

// Add takes a copy of a datagram, of n datagrams of voice perhaps.
func (b *Batch) Add(to *Member, t netproto.Type, d []byte, n int, sent *atomic.Uint64) {
	b.Bytes = append(b.Bytes, d...)
	b.Sends = append(b.Sends, Sending{To: to.ID, Type: t, End: len(b.Bytes), N: uint64(n), Sent: sent})
}

// Reset empties the Batch.
func (b *Batch) Reset() { b.Bytes, b.Sends = b.Bytes[:0], b.Sends[:0] }
