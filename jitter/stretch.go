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
	// window is how much has to look alike, 7.5 ms; overlap the cross-fade, 5 ms.
	window  = SampleRate * 75 / 10000
	overlap = SampleRate * 5 / 1000
	// coarse is the decimation of the first search: 8 kHz.
	coarse = 6
)

// match finds the place in x at which window samples are most like the first of ref, and
// how much they are: the normalised cross-correlation, -1 to 1. x has window samples more
// than there are places, window+maxLag at most.
func match(ref, x []float32, bias float32) (at int, score float32) {
	// First at 8 kHz.
	const w = window / coarse
	var lowRef [w]float32
	var low [(maxLag + window) / coarse]float32
	decimate(lowRef[:], ref)
	n := min(len(x)/coarse, len(low))
	decimate(low[:n], x)
	best, bestScore := 0, float32(-2)
	for i := 0; i+w <= n; i++ {
		if s := correlation(lowRef[:], low[i:i+w], 1) + bias*float32(i); s > bestScore {
			best, bestScore = i*coarse, s
		}
	}
	// Then to the sample.
	at, score = best, -2
	for i := max(0, best-coarse+1); i < min(best+coarse, len(x)-window+1); i++ {
		if s := correlation(ref[:window], x[i:i+window], 3); s > score {
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

// correlation is the correlation coefficient of every step-th sample; of two
// silences it is 1.
func correlation(a, b []float32, step int) float32 {
	const faint = 1e-7
	cross, ea, eb := float32(faint), float32(faint), float32(faint)
	b = b[:len(a)]
	for i := 0; i < len(a); i += step {
		cross += a[i] * b[i]
		ea += a[i] * a[i]
		eb += b[i] * b[i]
	}
	return cross / float32(math.Sqrt(float64(ea)*float64(eb)))
}

// meanSquare is the power of x.
func meanSquare(x []float32) float32 {
	var sum float32
	for _, v := range x {
		sum += v * v
	}
	return sum / float32(max(1, len(x)))
}
