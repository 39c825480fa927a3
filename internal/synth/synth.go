// Package synth makes test sounds that a speech codec takes for a voice, so that tests and
// benchmarks need no recordings.
//
//	pitch glide ─> buzz ─> two moving resonances ─┐
//	                        noise ─> hiss ─────────┴─ in turn ─> syllables
//
// It is a source-filter model at its simplest (G. Fant, "Acoustic Theory of Speech
// Production", 1960): enough for the codec, the voice detector and cross-correlation; nobody would
// listen to it.
package synth

import (
	"math"
	"math/rand/v2"
)

// Rate is the sample rate of everything made here, in Hz.
const Rate = 48000

// Speech makes n samples of a voice at about -20 dBov. The seed chooses the voice and
// what it says; the same seed gives the same samples.
func Speech(n int, seed uint64) []float32 {
	rng := rand.New(rand.NewPCG(seed, 1))
	pitch := 90 + 130*rng.Float64() // Hz, a man's or a woman's
	var first, second, hiss resonator
	hiss.tune(3500, 1500)
	pcm := make([]float32, n)
	var now sound
	phase, glottis := 0.0, 0.0
	for i := range pcm {
		if now.left == 0 {
			now.next(rng)
			first.tune(now.first, 90)
			second.tune(now.second, 130)
		}
		now.left--
		noise := rng.NormFloat64()
		v := 0.0
		if now.voiced {
			t := float64(i) / Rate
			phase += pitch * (1 + 0.1*math.Sin(2*math.Pi*0.6*t) + now.accent*float64(now.left)/float64(now.length)) / Rate
			pulse := 0.03 * noise
			if phase >= 1 {
				phase -= 1 + 0.01*noise // no voice is quite regular
				pulse++
			}
			glottis += 0.15 * (pulse - glottis) // the tilt of the glottal pulse
			v = first.filter(glottis) + 0.6*second.filter(glottis)
		} else {
			v = 0.1 * hiss.filter(noise)
		}
		pcm[i] = float32(now.loudness()*v + 0.0003*noise)
	}
	return pcm
}

// sound is one vowel or one hiss.
type sound struct {
	voiced        bool
	length, left  int     // samples
	first, second float64 // resonances in Hz
	accent        float64 // change of the pitch
}

// next lets vowels and hisses follow each other, four or five syllables a second.
func (s *sound) next(rng *rand.Rand) {
	s.voiced = !s.voiced
	s.length = Rate/25 + rng.IntN(Rate/25)
	if s.voiced {
		s.length = Rate/10 + rng.IntN(Rate/8)
	}
	s.left = s.length
	s.first, s.second = 300+500*rng.Float64(), 900+1500*rng.Float64()
	s.accent = 0.3 * (rng.Float64() - 0.5)
}

// loudness rises and falls once in a sound.
func (s *sound) loudness() float64 {
	return 0.05 + 0.95*math.Sin(math.Pi*float64(s.left)/float64(s.length+1))
}

// resonator is a two-pole filter.
type resonator struct{ a1, a2, gain, y1, y2 float64 }

func (r *resonator) tune(hz, width float64) {
	radius := math.Exp(-math.Pi * width / Rate)
	r.a1, r.a2 = 2*radius*math.Cos(2*math.Pi*hz/Rate), -radius*radius
	r.gain = 0.45 * math.Sin(2*math.Pi*hz/Rate)
}

func (r *resonator) filter(x float64) float64 {
	y := r.gain*x + r.a1*r.y1 + r.a2*r.y2
	r.y1, r.y2 = y, r.y1
	return y
}

// Noise makes n samples of white noise at about -10 dBov, the dearest there is to code.
func Noise(n int) []float32 {
	rng := rand.New(rand.NewPCG(5, 6))
	pcm := make([]float32, n)
	for i := range pcm {
		pcm[i] = float32(rng.NormFloat64() * 0.3)
	}
	return pcm
}
