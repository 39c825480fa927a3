package quality

import "math"

// nsim compares what was heard with what was said, as ViSQOL does in its speech mode: gammatone
// spectrograms of 21 bands from 50 Hz to 8 kHz over 80 ms every 20 ms, in dB above a floor, and on
// each small neighbourhood of them the similarity of intensity and of structure. Where what
// was said is silent is left out.
//
// It differs from ViSQOL v3 in that the pieces to compare are known (Alignment) instead of
// searched for, in that the filters work on the spectrum of a piece, in the levels (toLevels) and
// in what it makes of the frames (pool).
//
// x and y are what was said and heard at rate; active tells for each 20 ms of x whether it is
// speech.
func nsim(x, y []float32, active []bool, a Alignment) (float64, error) {
	const hop, piece = 0.020, rate * 80 / 1000
	filters := newAnalysis(hann(piece, true), piece, gammatones(piece))
	length := float64(len(x)) / rate
	var ref, deg [][]float64
	var speech []bool
	a.walk(hop, length, func(p Point) {
		r, d := make([]float64, len(filters.bands)), make([]float64, len(filters.bands))
		filters.at(x, p.Said, r)
		filters.at(y, p.Heard, d)
		ref, deg = append(ref, r), append(deg, d)
		i := int(p.Said / hop)
		speech = append(speech, i < len(active) && active[i])
	})
	sameLevel(ref, deg)
	toLevels(ref, deg, loudness(x, active))
	var frames []float64
	for i, s := range nsimFrames(ref, deg) {
		if speech[i] {
			frames = append(frames, s)
		}
	}
	if len(frames) == 0 {
		return 0, ErrTooShort
	}
	return 1 - pool(frames), nil
}

// pool sums up how far the frames are from the same, 0 to 1: the 6-norm over 320 ms, every 160 ms, and the 2-norm of
// those. A short disturbance costs more than its share of the time, as it does listeners.
func pool(frames []float64) float64 {
	const length, inside = 16, 6
	sum, n := 0.0, 0
	for at := 0; at == 0 || at+length <= len(frames); at += length / 2 {
		piece := frames[at:min(at+length, len(frames))]
		norm := 0.0
		for _, s := range piece {
			norm += math.Pow(max(0, 1-s), inside) / float64(len(piece))
		}
		sum += math.Pow(norm, 2.0/inside)
		n++
	}
	return math.Sqrt(sum / float64(n))
}

// score is what listeners give for a similarity, 1 to 4.5. Half of the scale is lost where the distance from the same
// is halfAt. Both numbers are fitted (docs/lab.md, "How well they judge").
func score(nsim float64) float64 {
	const halfAt, steepness = 0.21, 2.35
	return 1 + 3.5/(1+math.Pow(max(0, 1-nsim)/halfAt, steepness))
}

// loudness is the mean square of the speech.
func loudness(x []float32, active []bool) float64 {
	const frame = rate / 50
	sum, n := 0.0, 0
	for i := 0; i < len(x); i++ {
		if f := i / frame; f < len(active) && active[f] {
			sum += float64(x[i]) * float64(x[i])
			n++
		}
	}
	return sum / float64(max(n, 1))
}

// gammatones returns the power response of 4th-order gammatone filters, 21 of them, evenly spaced
// in equivalent rectangular bandwidths from 50 Hz to 8 kHz (Glasberg & Moore 1990; Slaney, Apple
// TR 35, 1993), for an FFT of the size given.
func gammatones(size int) []band {
	const count, low, high, earQ, minBandwidth = 21, 50.0, 8000.0, 9.26449, 24.7
	filters := make([]band, count)
	for i := range filters {
		step := float64(count-i) / count
		center := -earQ*minBandwidth + math.Exp(step*math.Log((low+earQ*minBandwidth)/(high+earQ*minBandwidth)))*(high+earQ*minBandwidth)
		width := 1.019 * (center/earQ + minBandwidth)
		for k := range size / 2 {
			off := (float64(k)*rate/float64(size) - center) / width
			w := math.Pow(1+off*off, -4) // |1/(1+j off)|^2 to the 4th
			if w < 1e-6 {
				if len(filters[i].weight) == 0 {
					continue
				}
				break
			}
			if len(filters[i].weight) == 0 {
				filters[i].from = k
			}
			filters[i].weight = append(filters[i].weight, w)
		}
	}
	return filters
}

// sameLevel scales deg, powers of bands, to have as much power as ref over all.
func sameLevel(ref, deg [][]float64) {
	total := func(m [][]float64) (sum float64) {
		for _, s := range m {
			for _, v := range s {
				sum += v
			}
		}
		return sum
	}
	gain := total(ref) / max(total(deg), 1e-20)
	for _, s := range deg {
		for b := range s {
			s[b] *= gain
		}
	}
}

// toLevels turns powers into levels, in place: 10 log10 of the amplitude, as ViSQOL has it, above a floor that is 25
// below the loudness of the speech (50 dB, as others say). So it is no matter how loud somebody talks, and what is too
// quiet to be heard beside the speech counts as silence.
func toLevels(ref, deg [][]float64, loudness float64) {
	const floor = 25
	for _, m := range [][][]float64{ref, deg} {
		for _, s := range m {
			for b, power := range s {
				s[b] = max(0, floor+5*math.Log10(power/max(loudness, 1e-20)+1e-30))
			}
		}
	}
}

// nsimFrames returns the similarity of each frame, the mean over its bands (Hines & Harte 2012,
// equation 3): intensity times structure under a Gaussian window of 3 x 3 cells.
func nsimFrames(ref, deg [][]float64) []float64 {
	// For the range of intensity that toLevels leaves; below them is what nobody hears. Fitted as the numbers of score
	// are: ViSQOL's 1 takes every grain of a background noise for structure.
	const intensities = 15
	const c1, c3 = (0.01 * intensities) * (0.01 * intensities), (0.03 * intensities) * (0.03 * intensities) / 2
	window := [3][3]float64{
		{0.0113033910173052, 0.0838251475442633, 0.0113033910173052},
		{0.0838251475442633, 0.619485845753726, 0.0838251475442633},
		{0.0113033910173052, 0.0838251475442633, 0.0113033910173052},
	} // sigma 0.5
	out := make([]float64, len(ref))
	for i := range ref {
		bands := len(ref[i])
		for b := range bands {
			var mr, md, rr, dd, rd float64
			for u, row := range window {
				n := min(max(i+u-1, 0), len(ref)-1) // edges are repeated
				for v, w := range row {
					k := min(max(b+v-1, 0), bands-1)
					r, d := ref[n][k], deg[n][k]
					mr += w * r
					md += w * d
					rr += w * r * r
					dd += w * d * d
					rd += w * r * d
				}
			}
			spread := max(rr-mr*mr, 0) * max(dd-md*md, 0)
			intensity := (2*mr*md + c1) / (mr*mr + md*md + c1)
			structure := (rd - mr*md + c3) / (math.Sqrt(spread) + c3)
			out[i] += intensity * structure / float64(bands)
		}
	}
	return out
}
