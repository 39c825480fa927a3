package netproto

import (
	"encoding/binary"
	"math/bits"
)

// ReceiptReach is of how many datagrams a Receipt tells at most: as many as there are counts.
const ReceiptReach = HopCounts

const (
	receiptHead = 7
	maxMap      = ReceiptReach / 8
)

// Bits are ReceiptReach bits, the lowest of the first word first.
type Bits [ReceiptReach / 64]uint64

// Get tells whether bit i is set, 0 to ReceiptReach-1.
func (b *Bits) Get(i int) bool { return b[i/64]&(1<<(i%64)) != 0 }

// Set sets bit i.
func (b *Bits) Set(i int) { b[i/64] |= 1 << (i % 64) }

// Shift moves all bits up by n, 0 or more.
func (b *Bits) Shift(n int) {
	for ; n >= 64; n -= 64 {
		b[1], b[0] = b[0], 0
	}
	b[1], b[0] = b[1]<<n|b[0]>>(64-n), b[0]<<n
}

// Receipt tells the sender of a hop which of a talker's datagrams have come over it: the acknowledgement of QUIC
// (RFC 9000, 13.2) as a bitmap (RFC 8888).
type Receipt struct {
	Seq   uint32 // sequence number of the newest that came; 0: none has
	Count uint8  // its Hop.Count
	Reach uint8  // datagrams told of, the newest and those before it: 0 to ReceiptReach
	Came  Bits   `json:"-"` // bit i: the one of count Count-i came, and not only when it was sent again; none behind Reach
}

// Lost is how many of the datagrams that the receipt tells of did not come by themselves.
func (r *Receipt) Lost() int {
	return int(r.Reach) - bits.OnesCount64(r.Came[0]) - bits.OnesCount64(r.Came[1])
}

// Outcome is what became of a talker's datagrams on a hop, as receipts tell.
type Outcome struct {
	Received int // came by themselves
	Lost     int // did not; below 0 where more have come since than were lost
	Runs     int // of consecutive ones, that the lost form
}

// Add adds what became of others.
func (o *Outcome) Add(p Outcome) {
	o.Received, o.Lost, o.Runs = o.Received+p.Received, o.Lost+p.Lost, o.Runs+p.Runs
}

// Loss is the share that was lost, 0 to 1; 0 of nothing.
func (o *Outcome) Loss() float64 {
	if o.Lost <= 0 {
		return 0
	}
	return float64(o.Lost) / float64(o.Lost+max(o.Received, 0))
}

// appendReceipt appends r: sequence number (4 bytes), count (1), reach (1), the length of a map (1) and the map, the
// bits of Came, the lowest of the first byte first. All behind the map have come.
func appendReceipt(dst []byte, r *Receipt) []byte {
	n := 0 // bytes of the map
	for i := range min(int(r.Reach), ReceiptReach) {
		if !r.Came.Get(i) {
			n = i/8 + 1
		}
	}
	dst = binary.BigEndian.AppendUint32(dst, r.Seq)
	dst = append(dst, r.Count%HopCounts, min(r.Reach, ReceiptReach), byte(n))
	for i := range n {
		dst = append(dst, byte(r.Came[i/8]>>(i%8*8)))
	}
	return dst
}

// parseReceipt reads a receipt and returns what is behind it. Errors are ErrShort, and ErrMalformed for a map or a
// reach that is too long.
func parseReceipt(b []byte) (r Receipt, rest []byte, err error) {
	if len(b) < receiptHead {
		return r, b, ErrShort
	}
	reach, n := int(b[5]), int(b[6])
	switch {
	case reach > ReceiptReach || n > maxMap:
		return r, b, ErrMalformed
	case len(b) < receiptHead+n:
		return r, b, ErrShort
	}
	r = Receipt{Seq: binary.BigEndian.Uint32(b), Count: b[4] % HopCounts, Reach: b[5]}
	for i := range reach {
		if i/8 >= n || b[receiptHead+i/8]>>(i%8)&1 != 0 {
			r.Came.Set(i)
		}
	}
	return r, b[receiptHead+n:], nil
}
