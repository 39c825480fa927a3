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

// Level is what may be taken now.
func (b *Bucket) Level(now time.Duration) float64 {
	b.fill(now)
	return b.level
}

// LevelAfter is what may be taken so much later than now if nothing is taken until then.
func (b *Bucket) LevelAfter(now, later time.Duration) float64 {
	b.fill(now)
	return min(b.level+b.rate*later.Seconds(), b.depth)
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

// Pacer keeps what is sent below a cap over any second. Depth and a second of its rate
// together are the cap, and nothing passes but through the bucket, so it holds by
// construction. Without a cap everything passes.
type Pacer struct {
	bucket Bucket
	capped bool
}

// What may go out at once: two datagrams of 80 ms at 12 kbit/s, so that one can be sent again beside
// the next, within these parts of a second's bytes; and one of 120 ms at 10 kbit/s at least.
// What is left of the cap is the rate: 85 % at 24 kbit/s, 92 % at 46 and more.
const (
	pacerTwo   = 460
	pacerOne   = 260
	pacerLeast = 0.08
	pacerMost  = 0.16
)

// SetCap sets the cap in kbit/s, 0 = none; IP and UDP headers count.
func (p *Pacer) SetCap(now time.Duration, kbps int) {
	p.capped = kbps > 0
	if p.capped {
		perSecond := float64(kbps) * 1000 / 8
		depth := burst(perSecond)
		p.bucket.Set(now, perSecond-depth, depth)
	}
}

// Send takes a datagram of so many bytes, all headers counted, that goes out now. If it
// does not fit it must not be sent, and the answer is false. What matters more, reserve bytes so much
// later, must still fit then: a datagram of voice, for all that is none.
func (p *Pacer) Send(now time.Duration, bytes, reserve int, later time.Duration) bool {
	return p.Fits(now, bytes, reserve, later) && (!p.capped || p.bucket.Take(now, float64(bytes)))
}

// Fits tells what Send would answer.
func (p *Pacer) Fits(now time.Duration, bytes, reserve int, later time.Duration) bool {
	if !p.capped {
		return true
	}
	level := p.bucket.Level(now)
	return level >= float64(bytes) && level+p.bucket.rate*later.Seconds() >= float64(bytes+reserve)
}

// Room is the longest datagram in bytes, all headers counted, that Send would let out so much
// later than now if nothing goes out until then; it is large without a cap.
func (p *Pacer) Room(now, later time.Duration) int {
	if !p.capped {
		return 1 << 16
	}
	return int(p.bucket.LevelAfter(now, later))
}

// Sustained is the rate in kbit/s that can be sent for ever under a cap of so many.
func Sustained(kbps int) float64 {
	perSecond := float64(kbps) * 1000 / 8
	return (perSecond - burst(perSecond)) * 8 / 1000
}

// burst is the depth of the bucket under a cap in bytes per second.
func burst(perSecond float64) float64 {
	return min(max(min(max(perSecond*pacerLeast, pacerTwo), perSecond*pacerMost), pacerOne), perSecond/2)
}
