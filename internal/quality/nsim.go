package quality

import "math"

// nsim compares what was heard with what was said, as ViSQOL does in its speech mode: gammatone
// spectrograms of 21 bands from 50 Hz to 8 kHz over 80 ms every 20 ms, in dB above a floor, and on
// each small neighbourhood of them the similarity of intensity and of structure. Where what
// was said is silent is left out.
//
// It differs from ViSQOL v3 in that the pieces to compare are known (Alignment) instead of
// searched for, and in that the filters work on the spectrum of a piece.
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
	toLevels(ref, deg)
	sum, n := 0.0, 0
	for i, s := range nsimFrames(ref, deg) {
		if speech[i] {
			sum += s
			n++
		}
	}
	if n == 0 {
		return 0, ErrTooShort
	}
	return sum / float64(n), nil
}

// visqolMOS is the exponential fit of NSIM to scores of the TCD-VoIP data set, scaled so that 1
// gives 5, of ViSQOL v3 (Chinen et al., QoMEX 2020; constants of its published code).
func visqolMOS(nsim float64) float64 {
	const a, b, x0, scale = 1.15594553, 4.685115504, 0.76552319, 1.2031409
	return min(max(scale*(a+math.Exp(b*(nsim-x0))), 1), 5)
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

// toLevels turns powers into levels above a common floor, in place: 10 log10 of the amplitude, as
// ViSQOL has it, not below -45 and not more than 45 below the loudest band of the two pieces.
func toLevels(ref, deg [][]float64) {
	const floor, span = -45, 45
	lowest := math.Inf(1)
	for i := range ref {
		peak := math.Inf(-1)
		for _, s := range [][]float64{ref[i], deg[i]} {
			for b, power := range s {
				s[b] = max(floor, 5*math.Log10(power+1e-30))
				peak = max(peak, s[b])
			}
		}
		for _, s := range [][]float64{ref[i], deg[i]} {
			for b := range s {
				s[b] = max(s[b], peak-span)
				lowest = min(lowest, s[b])
			}
		}
	}
	for _, m := range [][][]float64{ref, deg} {
		for _, s := range m {
			for b := range s {
				s[b] -= lowest
			}
		}
	}
}

// nsimFrames returns the similarity of each frame, the mean over its bands (Hines & Harte 2012,
// equation 3): intensity times structure under a Gaussian window of 3 x 3 cells.
func nsimFrames(ref, deg [][]float64) []float64 {
	const c1, c3 = 0.01 * 0.01, 0.03 * 0.03 / 2 // for an intensity range of 1, as in ViSQOL v3
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
