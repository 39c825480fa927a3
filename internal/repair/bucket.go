package repair

import "time"

// bucket is a token bucket: over any span t it lets out at most depth + rate*t. It
// starts full. set must be called before use; an unset bucket lets nothing out.
type bucket struct {
	rate, depth float64
	level       float64
	at          time.Duration
	ready       bool
}

// set changes the rate in units per second and the depth in units.
func (b *bucket) set(now time.Duration, rate, depth float64) {
	b.fill(now)
	if !b.ready {
		b.level, b.ready = depth, true
	}
	b.rate, b.depth, b.level = rate, depth, min(b.level, depth)
}

// take takes n units if they are there.
func (b *bucket) take(now time.Duration, n float64) bool {
	b.fill(now)
	if b.level < n {
		return false
	}
	b.level -= n
	return true
}

// when is the time at which n units, at most the depth, will be there.
func (b *bucket) when(now time.Duration, n float64) time.Duration {
	b.fill(now)
	if b.level >= n || b.rate <= 0 {
		return now
	}
	return now + time.Duration((n-b.level)/b.rate*float64(time.Second)) + 1
}

func (b *bucket) fill(now time.Duration) {
	if now > b.at {
		b.level = min(b.level+b.rate*(now-b.at).Seconds(), b.depth)
		b.at = now
	}
}
