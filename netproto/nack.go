package netproto

import (
	"encoding/binary"
	"iter"
	"math/bits"
)

const (
	nackBlockSize = 16
	maxNackBlocks = (MaxBody - 1) / nackBlockSize
)

// NackBlock asks for datagrams of one talker: Base, and Base+1+i for every bit
// i of Mask. Up, Session is any talker in the room; down, it is the receiver
// itself, which is asked for its own. A number that names no datagram (inside
// a stride, or silence) is ignored, so one may list all numbers between two
// datagrams.
type NackBlock struct {
	Session, Base uint32
	Mask          uint64
}

// All returns the sequence numbers asked for, rising.
func (b NackBlock) All() iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		if b.Base == 0 || !yield(b.Base) {
			return
		}
		for m := b.Mask; m != 0; m &= m - 1 {
			seq := b.Base + 1 + uint32(bits.TrailingZeros64(m))
			if seq < b.Base || !yield(seq) {
				return
			}
		}
	}
}

// AddNack adds one datagram to a list of blocks: to the last block when it is
// of that session and reaches so far, else as a new block. Rising numbers per
// session give the shortest list.
func AddNack(blocks []NackBlock, session, seq uint32) []NackBlock {
	if n := len(blocks); n > 0 {
		b := &blocks[n-1]
		if d := seq - b.Base; b.Session == session && seq >= b.Base && d <= 64 {
			if d > 0 {
				b.Mask |= 1 << (d - 1)
			}
			return blocks
		}
	}
	return append(blocks, NackBlock{Session: session, Base: seq})
}

// AppendNack appends the body of a nack to dst: the number of blocks in one
// byte, then per block session (4 bytes), base (4) and mask (8). The error is
// ErrTooLarge for more blocks than one datagram takes (73).
func AppendNack(dst []byte, blocks []NackBlock) ([]byte, error) {
	if len(blocks) > maxNackBlocks {
		return dst, ErrTooLarge
	}
	dst = append(dst, byte(len(blocks)))
	for _, b := range blocks {
		dst = binary.BigEndian.AppendUint32(dst, b.Session)
		dst = binary.BigEndian.AppendUint32(dst, b.Base)
		dst = binary.BigEndian.AppendUint64(dst, b.Mask)
	}
	return dst, nil
}

// ParseNack appends the blocks of a nack's body to dst. A tail is ignored. The
// error is ErrShort; then dst is returned as it came.
func ParseNack(dst []NackBlock, body []byte) ([]NackBlock, error) {
	if len(body) < 1 || len(body) < 1+int(body[0])*nackBlockSize {
		return dst, ErrShort
	}
	n := int(body[0])
	body = body[1:]
	for range n {
		dst = append(dst, NackBlock{
			Session: binary.BigEndian.Uint32(body),
			Base:    binary.BigEndian.Uint32(body[4:]),
			Mask:    binary.BigEndian.Uint64(body[8:]),
		})
		body = body[nackBlockSize:]
	}
	return dst, nil
}
