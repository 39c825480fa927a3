package audio

import (
	"fmt"
	"math"
)

// Limits of the resampler, in Hz.
const (
	MinRate = 4000
	MaxRate = 384000
)

// Resampler changes the sample rate of a stream. It is a polyphase filter bank: a sinc low-pass
// of linear phase under a Kaiser window, tabulated at resampleRows phases per
// input sample and interpolated linearly in between, so that any ratio works (J. O. Smith,
// "Digital Audio Resampling Home Page", CCRMA; R. E. Crochiere, L. R. Rabiner,
// "Multirate Digital Signal Processing", 1983; window and its formulae: A. V. Oppenheim,
// R. W. Schafer, "Discrete-Time Signal Processing", section on Kaiser windows).
//
// Of the lower of the two rates f, 0 to 0.447 f passes unchanged and what is above
// f/2, aliases and images, is down by 80 dB. The filter's delay is taken out: output
// sample j belongs to the time of input sample j*in/out. To do that it looks
// ahead, 48 samples of the lower rate. n input samples give ceil(n*out/in) output samples.
type Resampler struct {
	in, out int // Hz
	// An output sample takes the input sample at or before its place, so many behind and
	// so many ahead of that; none at equal rates, where rows is empty.
	behind, ahead int
	rows          []float32

	buf     []float32 // input, with behind samples of the past
	pos     int       // index in buf of the input sample at or before the next output
	frac    int       // and how far beyond it, in units of 1/out of an input sample
	flushed bool
}

const (
	// resampleZeros is the number of zero crossings of the sinc on each side.
	resampleZeros = 48
	// resampleStop is the stop-band attenuation in dB.
	resampleStop = 80
	// resampleRows is the number of tabulated phases. The error of linear interpolation is at most
	// pi^2/3/8/512^2 of a tap, -116 dB.
	resampleRows = 512
)

// NewResampler makes a resampler from in to out, both in Hz. Equal rates are fine. The
// error is ErrRate.
func NewResampler(in, out int) (*Resampler, error) {
	if in < MinRate || in > MaxRate || out < MinRate || out > MaxRate {
		return nil, fmt.Errorf("audio: resample %d Hz to %d Hz: %w (%d to %d)", in, out, ErrRate, MinRate, MaxRate)
	}
	r := &Resampler{in: in, out: out}
	if in != out {
		r.design()
	}
	r.buf = make([]float32, r.behind, r.behind+4096)
	r.pos = r.behind
	return r, nil
}

// design fills the table: row p is for an output p/resampleRows of a sample after buf[pos].
func (r *Resampler) design() {
	lower := min(1, float64(r.out)/float64(r.in)) // lower rate, in input rates
	half := int(math.Ceil(resampleZeros / lower))
	r.behind, r.ahead = half-1, half
	// Kaiser: width of the transition, and beta, from the attenuation.
	width := (resampleStop - 7.95) / (14.36 * 2 * resampleZeros)
	beta := 0.1102 * (resampleStop - 8.7)
	cutoff := (0.5 - width/2) * lower // cycles per input sample
	taps := 2 * half
	r.rows = make([]float32, (resampleRows+1)*taps)
	row := make([]float64, taps)
	for p := range resampleRows + 1 {
		var sum float64
		for k := range row {
			t := float64(k-r.behind) - float64(p)/resampleRows
			row[k] = sinc(2*cutoff*t) * kaiser(t/float64(half), beta)
			sum += row[k]
		}
		for k := range row {
			r.rows[p*taps+k] = float32(row[k] / sum) // gain 1 at 0 Hz
		}
	}
}

// Push takes input; it is copied. Not after Flush.
func (r *Resampler) Push(pcm []float32) {
	if drop := r.pos - r.behind; drop > 0 && len(r.buf)+len(pcm) > cap(r.buf) {
		r.buf = r.buf[:copy(r.buf, r.buf[drop:])]
		r.pos -= drop
	}
	r.buf = append(r.buf, pcm...)
}

// Flush says that there is no more input, so that Pull gives the rest.
func (r *Resampler) Flush() {
	if !r.flushed {
		r.flushed = true
		r.buf = append(r.buf, make([]float32, r.ahead)...)
	}
}

// Pull fills pcm as far as the input reaches and returns how many samples it wrote.
func (r *Resampler) Pull(pcm []float32) int {
	reach := len(r.buf) - r.ahead
	for i := range pcm {
		if r.pos >= reach {
			return i
		}
		pcm[i] = r.sample()
		r.frac += r.in
		r.pos += r.frac / r.out
		r.frac %= r.out
	}
	return len(pcm)
}

func (r *Resampler) sample() float32 {
	if r.in == r.out {
		return r.buf[r.pos]
	}
	taps := r.behind + 1 + r.ahead
	phase := r.frac * resampleRows
	at, rest := phase/r.out, phase%r.out
	blend := float32(rest) / float32(r.out)
	row, next := r.rows[at*taps:][:taps], r.rows[(at+1)*taps:][:taps]
	x := r.buf[r.pos-r.behind:][:taps]
	var a, b float32
	for k, s := range x {
		a += row[k] * s
		b += next[k] * s
	}
	return a + blend*(b-a)
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// kaiser is the Kaiser window over -1..1.
func kaiser(x, beta float64) float64 {
	if x <= -1 || x >= 1 {
		return 0
	}
	return besselI0(beta*math.Sqrt(1-x*x)) / besselI0(beta)
}

// besselI0 is the modified Bessel function of order 0, by its power series.
func besselI0(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > 1e-12*sum; k++ {
		term *= (x / 2 / k) * (x / 2 / k)
		sum += term
	}
	return sum
}
