package stream

import (
	"fmt"
	"slices"

	"github.com/tincan-voice/tincan/netproto/wire"
)

// MaxOffset is the largest offset of copies, in datagrams. At the longest stride it is 1.92 s.
const MaxOffset = 16

// redundancy says what a datagram carries beside its newest frames.
type redundancy struct {
	stride int
	copies uint32 // bit k: the frames that were new k datagrams ago
}

func newRedundancy(stride int, copies []int) (redundancy, error) {
	r := redundancy{stride: max(stride, 1)}
	if stride < 0 || stride > wire.MaxStride {
		return r, fmt.Errorf("%w: a stride of %d frames, allowed are 1 to %d", ErrRedundancy, stride, wire.MaxStride)
	}
	if i := slices.IndexFunc(copies, func(k int) bool { return k < 1 || k > MaxOffset }); i >= 0 {
		return r, fmt.Errorf("%w: an offset of %d datagrams, allowed are 1 to %d", ErrRedundancy, copies[i], MaxOffset)
	}
	for _, k := range copies {
		if r.copies&(1<<k) != 0 {
			return r, fmt.Errorf("%w: the offset of %d datagrams twice; once will do", ErrRedundancy, k)
		}
		r.copies |= 1 << k
	}
	return r, nil
}
