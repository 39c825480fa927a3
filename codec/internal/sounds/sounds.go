// Package sounds makes the signals of the codec's tests, all deterministic.
package sounds

import (
	"math"
	"math/rand/v2"

	"github.com/tincan-voice/tincan/codec"
)

// Speech returns n frames that a speech codec and a voice detector take for speech:
// a buzz of 110 to 150 Hz through two moving formants, in syllables of 180 ms with
// gaps of 60 ms, peaking near -12 dBFS.
func Speech(n int) []float32 {
	pcm := make([]float32, n*codec.FrameSize)
	var phase float64
	var r [2]resonator
	for i := range pcm {
		t := float64(i) / codec.SampleRate
		pitch := 130 + 20*math.Sin(2*math.Pi*0.7*t)
		phase += pitch / codec.SampleRate
		pulse := 0.0
		if phase >= 1 {
			phase--
			pulse = 1
		}
		f1 := 500 + 250*math.Sin(2*math.Pi*1.3*t)
		f2 := 1500 + 600*math.Sin(2*math.Pi*0.9*t)
		syllable := math.Mod(t, 0.24) / 0.18
		envelope := 0.0
		if syllable < 1 {
			envelope = math.Sin(math.Pi * syllable)
		}
		pcm[i] = float32(envelope * (0.5*r[0].step(pulse, f1, 80) + 0.3*r[1].step(pulse, f2, 120)))
	}
	scale(pcm, 0.25)
	return pcm
}

// resonator is a two-pole formant filter.
type resonator struct{ y1, y2 float64 }

func (r *resonator) step(x, hz, bandwidth float64) float64 {
	radius := math.Exp(-math.Pi * bandwidth / codec.SampleRate)
	y := x + 2*radius*math.Cos(2*math.Pi*hz/codec.SampleRate)*r.y1 - radius*radius*r.y2
	r.y1, r.y2 = y, r.y1
	return y
}

// scale makes the largest magnitude of pcm equal to peak.
func scale(pcm []float32, peak float32) {
	var top float32
	for _, s := range pcm {
		top = max(top, s, -s)
	}
	for i := range pcm {
		pcm[i] *= peak / top
	}
}

// Noise returns n frames of white Gaussian noise of the given level in dBov.
func Noise(n int, dBov float64, seed uint64) []float32 {
	rng := rand.New(rand.NewPCG(seed, 1))
	pcm := make([]float32, n*codec.FrameSize)
	gain := math.Pow(10, dBov/20)
	for i := range pcm {
		pcm[i] = float32(gain * rng.NormFloat64())
	}
	return pcm
}

// Sine returns n frames of a sine of the given amplitude.
func Sine(n int, hz, amplitude float64) []float32 {
	pcm := make([]float32, n*codec.FrameSize)
	for i := range pcm {
		pcm[i] = float32(amplitude * math.Sin(2*math.Pi*hz*float64(i)/codec.SampleRate))
	}
	return pcm
}

// Add mixes two signals, a no longer than b.
func Add(a, b []float32) []float32 {
	sum := make([]float32, len(a))
	for i := range sum {
		sum[i] = a[i] + b[i]
	}
	return sum
}

// Frame returns frame i of pcm.
func Frame(pcm []float32, i int) []float32 {
	return pcm[i*codec.FrameSize : (i+1)*codec.FrameSize]
}
