package codec

import "math"

// Figures of the limiter.
const (
	// limiterThreshold is -1 dBFS: below it nothing is touched, not even in the last bit.
	limiterThreshold = 0.8912509
	// limiterSpan is how many samples share one gain decision: 1 ms.
	limiterSpan = 48
	// limiterRelease is the part of the missing gain that comes back per span:
	// a time constant of about 100 ms.
	limiterRelease = 0.01
	// limiterUnity is where a releasing gain snaps to 1 (-0.001 dB).
	limiterUnity = 0.9999
)

// Limiter keeps a mix inside -1..1. It is a feed-forward peak limiter that adds no delay:
// each span of 1 ms is looked at before it is scaled, the gain slides over the span, and
// what the slide does not catch of an attack is bent, not cut.
// While the mix stays below the threshold and the gain is at rest,
// samples pass unchanged. Create it with NewLimiter.
type Limiter struct {
	gain float32
}

// NewLimiter makes a Limiter at rest.
func NewLimiter() Limiter { return Limiter{gain: 1} }

// Process limits pcm in place; any length.
func (l *Limiter) Process(pcm []float32) {
	for len(pcm) > 0 {
		n := min(limiterSpan, len(pcm))
		l.span(pcm[:n])
		pcm = pcm[n:]
	}
}

func (l *Limiter) span(pcm []float32) {
	target := min(threshold(peak(pcm)), l.gain+(1-l.gain)*limiterRelease)
	if target > limiterUnity {
		target = 1
	}
	if target == 1 && l.gain == 1 {
		return
	}
	step := (target - l.gain) / float32(len(pcm))
	gain := l.gain
	for i, s := range pcm {
		gain += step
		pcm[i] = bend(s * gain)
	}
	l.gain = target
}

// threshold returns the gain that brings a peak down to the threshold.
func threshold(peak float32) float32 {
	if peak > limiterThreshold {
		return limiterThreshold / peak
	}
	return 1
}

// peak returns the largest magnitude of pcm.
func peak(pcm []float32) float32 {
	var high float32
	for _, s := range pcm {
		if s < 0 {
			s = -s
		}
		if s > high {
			high = s
		}
	}
	return high
}

// bend maps any sample into -1..1: the identity below the threshold, a hyperbolic
// tangent of slope 1 above it.
func bend(s float32) float32 {
	if s <= limiterThreshold && s >= -limiterThreshold {
		return s
	}
	const room = 1 - limiterThreshold
	over := math.Tanh((math.Abs(float64(s)) - limiterThreshold) / room)
	return float32(math.Copysign(limiterThreshold+room*over, float64(s)))
}
