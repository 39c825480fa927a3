package quality

import (
	"math"

	"gonum.org/v1/gonum/dsp/fourier"
)

// rate is the rate in Hz at which spectra are made: enough for the 8 kHz of wideband speech.
const rate = SampleRate / 3

// decimate brings speech to rate: a windowed-sinc low pass of 7.6 kHz, zero phase, and
// every third sample.
func decimate(x []float32) []float32 {
	const half, cutoff = 32, 7600.0 / (SampleRate / 2)
	var taps [2*half + 1]float32
	for i, w := range hann(len(taps), false) {
		n := float64(i - half)
		s := cutoff
		if n != 0 {
			s = math.Sin(math.Pi*cutoff*n) / (math.Pi * n)
		}
		taps[i] = float32(w * s)
	}
	padded := make([]float32, len(x)+2*half)
	copy(padded[half:], x)
	out := make([]float32, len(x)/3)
	for i := range out {
		piece := padded[3*i:][:len(taps)]
		var sum float32
		for k, t := range taps {
			sum += t * piece[k]
		}
		out[i] = sum
	}
	return out
}

// analysis looks at short pieces of a signal through a window and sums the power of its spectrum
// into bands.
type analysis struct {
	window []float64
	fft    *fourier.FFT
	bands  []band
	scale  float64 // from weighted power of the bins to mean square of the piece

	piece []float64
	coeff []complex128
}

// band is a filter on the bins of a spectrum.
type band struct {
	from   int       // first bin
	weight []float64 // of the power of each bin from there on
}

func newAnalysis(window []float64, size int, bands []band) *analysis {
	return &analysis{
		window: window, fft: fourier.NewFFT(size), bands: bands,
		// Parseval: the sum over both halves of the spectrum, over size, is the energy.
		scale: 2 / (float64(size) * float64(len(window))),
		piece: make([]float64, size), coeff: make([]complex128, size/2+1),
	}
}

// at writes the mean square of each band of the piece of x around the time given in seconds.
// Outside of x is silence.
func (a *analysis) at(x []float32, center float64, power []float64) {
	start := int(math.Round(center*rate)) - len(a.window)/2
	clear(a.piece)
	for i, w := range a.window {
		if n := start + i; n >= 0 && n < len(x) {
			a.piece[i] = w * float64(x[n])
		}
	}
	a.fft.Coefficients(a.coeff, a.piece)
	for b, band := range a.bands {
		sum := 0.0
		for k, w := range band.weight {
			c := a.coeff[band.from+k]
			sum += w * (real(c)*real(c) + imag(c)*imag(c))
		}
		power[b] = sum * a.scale
	}
}

// hann is the Hann window of n samples; ends says whether its zeros are among them.
func hann(n int, ends bool) []float64 {
	w := make([]float64, n)
	for i := range w {
		if ends {
			w[i] = 0.5 - 0.5*math.Cos(2*math.Pi*float64(i)/float64(n-1))
		} else {
			w[i] = 0.5 - 0.5*math.Cos(2*math.Pi*float64(i+1)/float64(n+1))
		}
	}
	return w
}
