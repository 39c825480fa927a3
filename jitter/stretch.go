package jitter

import "math"

// Time-scale modification by whole pitch periods: speech is shortened by fading from one
// place to another a period or more later that looks the same, and lengthened by
// fading to one that is earlier. This is WSOLA (Verhelst and Roelands, ICASSP 1993) with
// the similarity searched over the range of pitch, applied only where it is needed.

const (
	// minLag to maxLag are the pitch periods looked for: 400 to 66 Hz.
	minLag = SampleRate / 400
	maxLag = SampleRate * 15 / 1000
	// alike is how many samples have to look alike, 7.5 ms.
	alike = SampleRate * 75 / 10000
	// coarse is the decimation of the first search: 8 kHz.
	coarse = 6
)

// match finds the place in x at which as many samples as alike are most like the first of ref, and
// how much they are: the normalised cross-correlation, -1 to 1. x has alike more samples
// than there are places, alike+maxLag at most.
func match(ref, x []float32, bias float32) (at int, score float32) {
	// First at 8 kHz.
	const w = alike / coarse
	var lowRef [w]float32
	var low [(maxLag + alike) / coarse]float32
	decimate(lowRef[:], ref)
	n := min(len(x)/coarse, len(low))
	decimate(low[:n], x)
	best, bestScore := 0, float32(-2)
	_, own := products(lowRef[:], lowRef[:], 1)
	_, energy := products(lowRef[:], low[:w], 1)
	for i := 0; i+w <= n; i++ {
		if s := normalised(inner(lowRef[:], low[i:i+w]), own, energy) + bias*float32(i); s > bestScore {
			best, bestScore = i*coarse, s
		}
		if i+w < n {
			energy = max(0, energy+low[i+w]*low[i+w]-low[i]*low[i])
		}
	}
	// Then to the sample.
	at, score = best, -2
	_, own = products(ref[:alike], ref[:alike], 3)
	for i := max(0, best-coarse+1); i < min(best+coarse, len(x)-alike+1); i++ {
		cross, energy := products(ref[:alike], x[i:i+alike], 3)
		if s := normalised(cross, own, energy); s > score {
			at, score = i, s
		}
	}
	return at, score
}

func decimate(dst, x []float32) {
	for i := range dst {
		p := x[i*coarse:][:coarse]
		dst[i] = p[0] + p[1] + p[2] + p[3] + p[4] + p[5]
	}
}

// products is the inner product of every step-th sample of a and b, and the energy of b.
func products(a, b []float32, step int) (cross, energy float32) {
	b = b[:len(a)]
	for i := 0; i < len(a); i += step {
		cross += a[i] * b[i]
		energy += b[i] * b[i]
	}
	return cross, energy
}

// inner is the inner product alone, in two sums, since one would wait for itself.
func inner(a, b []float32) float32 {
	var even, odd float32
	b = b[:len(a)]
	for i := 1; i < len(a); i += 2 {
		even += a[i-1] * b[i-1]
		odd += a[i] * b[i]
	}
	return even + odd
}

// normalised is the correlation coefficient; of two silences it is 1.
func normalised(cross, a, b float32) float32 {
	const faint = 1e-7
	return (cross + faint) / float32(math.Sqrt(float64(a+faint)*float64(b+faint)))
}

// meanSquare is the power of x.
func meanSquare(x []float32) float32 {
	n := float32(max(1, len(x)))
	var a, b, c, d float32 // four sums: one would wait for itself
	for ; len(x) >= 4; x = x[4:] {
		a += x[0] * x[0]
		b += x[1] * x[1]
		c += x[2] * x[2]
		d += x[3] * x[3]
	}
	for _, v := range x {
		a += v * v
	}
	return (a + b + c + d) / n
}
