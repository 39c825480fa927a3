package repair

import "time"

// Bucket is a token bucket: over any span t it lets out at most Depth + Rate*t. It
// starts full. Set must be called before use; an unset bucket lets nothing out.
type Bucket struct {
	rate, depth float64
	level       float64
	at          time.Duration
	set         bool
}

// Set changes the rate in units per second and the depth in units.
func (b *Bucket) Set(now time.Duration, rate, depth float64) {
	b.fill(now)
	if !b.set {
		b.level, b.set = depth, true
	}
	b.rate, b.depth, b.level = rate, depth, min(b.level, depth)
}

// Take takes n units if they are there.
func (b *Bucket) Take(now time.Duration, n float64) bool {
	b.fill(now)
	if b.level < n {
		return false
	}
	b.level -= n
	return true
}

// When is the time at which n units, at most the depth, will be there.
func (b *Bucket) When(now time.Duration, n float64) time.Duration {
	b.fill(now)
	if b.level >= n || b.rate <= 0 {
		return now
	}
	return now + time.Duration((n-b.level)/b.rate*float64(time.Second)) + 1
}

func (b *Bucket) fill(now time.Duration) {
	if now > b.at {
		b.level = min(b.level+b.rate*(now-b.at).Seconds(), b.depth)
		b.at = now
	}
}
