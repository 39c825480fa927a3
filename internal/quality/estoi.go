package quality

import "math"

// estoi estimates how much of the speech is understood, from about 0 to 1, by the extended
// short-time objective intelligibility of Jensen & Taal 2016: spectrograms of 15 third-octave
// bands from 150 Hz on, cut into pieces of 384 ms, normalised over time and then over frequency,
// and correlated. It sees up to 4.3 kHz and ignores level and filtering; it is about the words, not
// about the beauty of the sound.
//
// It differs from the paper in that what is compared is given by the Alignment, in that silent
// frames (more than 40 dB below the loudest of what was said) are left out of the spectrogram
// instead of the signal, and in that it works at 16 kHz, on bins of 20 Hz instead of 19.5.
//
// x and y are what was said and heard at rate.
func estoi(x, y []float32, a Alignment) (float64, error) {
	const frame = 0.0256 // s
	filters := newAnalysis(hann(int(math.Round(frame*rate)), false), 800, thirdOctaves(800))
	var ref, deg [][]float64
	var energy []float64
	loudest := 0.0
	a.walk(frame/2, float64(len(x))/rate, func(p Point) {
		r, d := make([]float64, len(filters.bands)), make([]float64, len(filters.bands))
		filters.at(x, p.Said, r)
		filters.at(y, p.Heard, d)
		e := 0.0
		for b := range r {
			e += r[b]
			r[b], d[b] = math.Sqrt(r[b]), math.Sqrt(d[b])
		}
		loudest = max(loudest, e)
		ref, deg, energy = append(ref, r), append(deg, d), append(energy, e)
	})
	kept := 0
	for i, e := range energy {
		if e > loudest*1e-4 {
			ref[kept], deg[kept] = ref[i], deg[i]
			kept++
		}
	}
	return estoiFrames(ref[:kept], deg[:kept])
}

// estoiFrames is the measure on spectrograms of amplitudes.
func estoiFrames(ref, deg [][]float64) (float64, error) {
	const length = 30 // frames of a piece
	if len(ref) < length {
		return 0, ErrTooShort
	}
	bands := len(ref[0])
	x, y := newPiece(length, bands), newPiece(length, bands)
	sum := 0.0
	for at := 0; at+length <= len(ref); at++ {
		x.normalise(ref[at : at+length])
		y.normalise(deg[at : at+length])
		for i := range length {
			for b := range bands {
				sum += x[i][b] * y[i][b]
			}
		}
	}
	return sum / float64(length*(len(ref)-length+1)), nil
}

// piece is a piece of spectrogram, frames of bands.
type piece [][]float64

func newPiece(length, bands int) piece {
	p := make(piece, length)
	for i := range p {
		p[i] = make([]float64, bands)
	}
	return p
}

// normalise takes frames and gives each band, and then each frame, mean 0 and norm 1.
func (p piece) normalise(frames [][]float64) {
	const tiny = 1e-30
	for i := range p {
		copy(p[i], frames[i])
	}
	bands := len(p[0])
	for b := range bands {
		mean, square := 0.0, 0.0
		for i := range p {
			mean += p[i][b]
		}
		mean /= float64(len(p))
		for i := range p {
			p[i][b] -= mean
			square += p[i][b] * p[i][b]
		}
		scale := 1 / math.Sqrt(square+tiny)
		for i := range p {
			p[i][b] *= scale
		}
	}
	for _, f := range p {
		mean, square := 0.0, 0.0
		for _, v := range f {
			mean += v
		}
		mean /= float64(bands)
		for b := range f {
			f[b] -= mean
			square += f[b] * f[b]
		}
		scale := 1 / math.Sqrt(square+tiny)
		for b := range f {
			f[b] *= scale
		}
	}
}

// thirdOctaves returns 15 bands a third of an octave wide, the first centred at 150 Hz, for an
// FFT of the size given (Taal et al., IEEE TASLP 19(7), 2011).
func thirdOctaves(size int) []band {
	bin := func(f float64) int { return int(math.Round(f * float64(size) / rate)) }
	bands := make([]band, 15)
	for b := range bands {
		center := 150 * math.Pow(2, float64(b)/3)
		from, to := bin(center*math.Pow(2, -1.0/6)), bin(center*math.Pow(2, 1.0/6))
		bands[b] = band{from: from, weight: make([]float64, to-from)}
		for k := range bands[b].weight {
			bands[b].weight[k] = 1
		}
	}
	return bands
}
