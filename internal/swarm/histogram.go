package swarm

import (
	"math"
	"math/bits"
	"time"
)

const (
	subBits    = 5 // 32 buckets per power of two: a value is known to 3 %
	subBuckets = 1 << subBits
	maxExp     = 40 // 2^40 ns = 18 minutes
)

// histogram counts durations in buckets whose width grows with the value. The
// zero value is ready.
type histogram struct {
	counts [(maxExp - subBits + 1) * subBuckets]uint32
	n      uint64
	max    time.Duration
}

// bucket is the index of the bucket for d.
func bucket(d time.Duration) int {
	v := uint64(min(max(d, 0), 1<<maxExp-1))
	if v < subBuckets {
		return int(v)
	}
	exp := bits.Len64(v) - 1 // of the leading bit
	return (exp-subBits+1)*subBuckets + int(v>>(exp-subBits))&(subBuckets-1)
}

// middle is a duration in the middle of bucket i.
func middle(i int) time.Duration {
	if i < subBuckets {
		return time.Duration(i)
	}
	shift := i/subBuckets - 1
	low := (subBuckets + i%subBuckets) << shift
	return time.Duration(low + 1<<shift/2)
}

func (h *histogram) add(d time.Duration) {
	h.counts[bucket(d)]++
	h.n++
	h.max = max(h.max, d)
}

func (h *histogram) merge(o *histogram) {
	for i, n := range o.counts {
		h.counts[i] += n
	}
	h.n += o.n
	h.max = max(h.max, o.max)
}

// quantile returns the duration that the share q (0 to 1) of all do not
// exceed; 0 if there are none.
func (h *histogram) quantile(q float64) time.Duration {
	want := uint64(math.Ceil(q * float64(h.n)))
	var n uint64
	for i, c := range h.counts {
		if n += uint64(c); c > 0 && n >= want {
			return min(middle(i), h.max)
		}
	}
	return h.max
}
