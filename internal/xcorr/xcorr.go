// Package xcorr finds what was said in what was heard: how late each piece of a
// talker's speech came out at the listener, measured from the audio alone.
//
//	said   ----[ window ]-----------------------
//	heard  -----------------[ best match ]------
//	           |<-- delay -->|
//
// It is the delay a person would measure with two microphones, so it holds the whole
// of the way: capture, codec, network, jitter buffer and mixing, with other talkers on top.
package xcorr

import (
	"math"

	"gonum.org/v1/gonum/dsp/fourier"
)

// Match is one window of what was said, found again in what was heard.
type Match struct {
	At    int     // first sample of the window in what was said
	Delay int     // samples from there to the same sound in what was heard
	Score float64 // normalised correlation at the match, -1..1; 1 is the very same wave
}

// Config says how to look. All counts are samples.
type Config struct {
	Span     int     // length of a window; 0 means 48000 (1 s at 48 kHz)
	Step     int     // from one window to the next; 0 means half a window
	MaxDelay int     // longest delay looked for; 0 means 96000 (2 s at 48 kHz)
	MinLevel float64 // windows with a smaller RMS (full scale is 1) are skipped; 0 means 0.01
}

func (c Config) withDefaults() Config {
	if c.Span == 0 {
		c.Span = 48000
	}
	if c.Step == 0 {
		c.Step = c.Span / 2
	}
	if c.MaxDelay == 0 {
		c.MaxDelay = 96000
	}
	if c.MinLevel == 0 {
		c.MinLevel = 0.01
	}
	return c
}

// Delays looks for every window of said in heard, which has to start at the same
// moment as said (pad or cut the earlier one), and returns the best match of each
// window that is loud enough. Windows that reach past the end of heard are left out.
func Delays(said, heard []float32, cfg Config) []Match {
	cfg = cfg.withDefaults()
	n := 1
	for n < cfg.Span+cfg.MaxDelay {
		n *= 2
	}
	find := finder{fft: fourier.NewFFT(n), a: make([]float64, n), b: make([]float64, n)}
	var matches []Match
	for at := 0; at+cfg.Span+cfg.MaxDelay <= min(len(said)+cfg.MaxDelay, len(heard)); at += cfg.Step {
		window := said[at : at+cfg.Span]
		if rms(window) < cfg.MinLevel {
			continue
		}
		delay, score := find.best(window, heard[at:at+cfg.Span+cfg.MaxDelay])
		matches = append(matches, Match{At: at, Delay: delay, Score: score})
	}
	return matches
}

// finder holds the transform and its scratch.
type finder struct {
	fft  *fourier.FFT
	a, b []float64
}

// best returns where window fits best in signal, and the normalised correlation there.
func (f *finder) best(window, signal []float32) (lag int, score float64) {
	fill(f.a, window)
	fill(f.b, signal)
	wa := f.fft.Coefficients(nil, f.a)
	sb := f.fft.Coefficients(nil, f.b)
	for i := range wa { // the correlation theorem: conj(W) * S
		wa[i] = complex(real(wa[i]), -imag(wa[i])) * sb[i]
	}
	corr := f.fft.Sequence(nil, wa)
	n := float64(f.fft.Len())
	energyW := energy(window)
	energyS := energy(signal[:len(window)])
	score = math.Inf(-1)
	for l := 0; l+len(window) <= len(signal); l++ {
		if l > 0 {
			drop, add := float64(signal[l-1]), float64(signal[l+len(window)-1])
			energyS += add*add - drop*drop
		}
		if s := corr[l] / n / math.Sqrt(energyW*max(energyS, 1e-9)); s > score {
			lag, score = l, s
		}
	}
	return lag, score
}

func fill(dst []float64, src []float32) {
	clear(dst)
	for i, v := range src {
		dst[i] = float64(v)
	}
}

func energy(pcm []float32) float64 {
	sum := 0.0
	for _, v := range pcm {
		sum += float64(v) * float64(v)
	}
	return sum
}

func rms(pcm []float32) float64 { return math.Sqrt(energy(pcm) / float64(len(pcm))) }
