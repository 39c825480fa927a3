package bench

import (
	"math"

	"github.com/tincan-voice/tincan/codec"
)

// speech makes n samples at 48 kHz that keep Opus as busy as a voice does: harmonics of a
// gliding pitch under two moving resonances, in syllables of a quarter second.
func speech(n int) []float32 {
	pcm := make([]float32, n)
	phase := 0.0
	for i := range pcm {
		t := float64(i) / codec.SampleRate
		pitch := 120 + 30*math.Sin(2*math.Pi*0.7*t)
		phase += pitch / codec.SampleRate
		first, second := 500+250*math.Sin(2*math.Pi*1.3*t), 1500+500*math.Sin(2*math.Pi*0.9*t)
		v := 0.0
		for k := 1; float64(k)*pitch < 4000; k++ {
			f := float64(k) * pitch
			v += math.Sin(2*math.Pi*phase*float64(k)) * (resonance(f, first, 90) + 0.5*resonance(f, second, 120))
		}
		syllable := 0.5 - 0.5*math.Cos(2*math.Pi*4*t)
		pcm[i] = float32(0.2 * syllable * v)
	}
	return pcm
}

// resonance is the gain at f of a resonance at centre with the given half width, in Hz.
func resonance(f, centre, width float64) float64 {
	x := (f - centre) / width
	return 1 / (1 + x*x)
}
