package netproto

import (
	"encoding/binary"
	"iter"
	"math/bits"
)

const (
	nackBlockSize = 13
	maxNackBlocks = (MaxBody - 1) / nackBlockSize
)

// NackBlock asks for datagrams of one talker by their Hop.Count on this hop: Base, and Base+1+i for every bit i of
// Mask, modulo HopCounts. Up, Session is any talker in the room; down, it is the receiver itself, which is asked for
// its own. What is no longer kept, or was never sent, is ignored.
type NackBlock struct {
	Session uint32
	Base    uint8 // 0 to HopCounts-1
	Mask    uint64
}

// All returns the counts asked for, from Base on.
func (b NackBlock) All() iter.Seq[uint8] {
	return func(yield func(uint8) bool) {
		if !yield(b.Base % HopCounts) {
			return
		}
		for m := b.Mask; m != 0; m &= m - 1 {
			if !yield((b.Base + 1 + uint8(bits.TrailingZeros64(m))) % HopCounts) {
				return
			}
		}
	}
}

// AddNack adds one datagram to a list of blocks: to the last block when it is
// of that session and reaches so far, else as a new block. Rising counts per
// session give the shortest list.
func AddNack(blocks []NackBlock, session uint32, count uint8) []NackBlock {
	if n := len(blocks); n > 0 {
		b := &blocks[n-1]
		if d := (count - b.Base) % HopCounts; b.Session == session && d <= 64 {
			if d > 0 {
				b.Mask |= 1 << (d - 1)
			}
			return blocks
		}
	}
	return append(blocks, NackBlock{Session: session, Base: count % HopCounts})
}

// AppendNack appends the body of a nack to dst: the number of blocks in one
// byte, then per block session (4 bytes), base (1) and mask (8). The error is
// ErrTooLarge for more blocks than one datagram takes (90).
func AppendNack(dst []byte, blocks []NackBlock) ([]byte, error) {
	if len(blocks) > maxNackBlocks {
		return dst, ErrTooLarge
	}
	dst = append(dst, byte(len(blocks)))
	for _, b := range blocks {
		dst = binary.BigEndian.AppendUint32(dst, b.Session)
		dst = append(dst, b.Base%HopCounts)
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
			Base:    body[4] % HopCounts,
			Mask:    binary.BigEndian.Uint64(body[5:]),
		})
		body = body[nackBlockSize:]
	}
	return dst, nil
}
