package xcorr

import (
	"math/rand/v2"
	"testing"
)

// noise is n samples of white noise at about -14 dBov.
func noise(seed uint64, n int) []float32 {
	r := rand.New(rand.NewPCG(seed, 1))
	pcm := make([]float32, n)
	for i := range pcm {
		pcm[i] = float32(r.NormFloat64() * 0.2)
	}
	return pcm
}

func TestDelaysFindsTheShiftUnderAnotherTalker(t *testing.T) {
	cfg := Config{Span: 4800, MaxDelay: 9600}
	said := noise(1, 48000)
	other := noise(2, 60000)
	const delay = 3217
	heard := make([]float32, 60000)
	for i := range said {
		heard[i+delay] = said[i]
	}
	for i := range heard {
		heard[i] += other[i]
	}
	matches := Delays(said, heard, cfg)
	if len(matches) < 15 {
		t.Fatalf("%d windows matched, want at least 15", len(matches))
	}
	for _, m := range matches {
		if m.Delay != delay || m.Score < 0.5 {
			t.Errorf("window at %d: delay %d score %.2f, want %d and a score over 0.5", m.At, m.Delay, m.Score, delay)
		}
	}
}

func TestDelaysOfTheSameWaveScoresOne(t *testing.T) {
	said := noise(3, 20000)
	heard := append(append(make([]float32, 100), said...), make([]float32, 9600)...)
	m := Delays(said, heard, Config{Span: 4800, MaxDelay: 9600})
	if len(m) == 0 || m[0].Delay != 100 || m[0].Score < 0.999 {
		t.Fatalf("got %+v, want delay 100 with score 1", m)
	}
}

func TestDelaysSkipsSilenceAndShortInput(t *testing.T) {
	if m := Delays(make([]float32, 200000), make([]float32, 400000), Config{}); m != nil {
		t.Errorf("silence matched: %+v", m)
	}
	if m := Delays(noise(4, 100), noise(4, 100), Config{}); m != nil {
		t.Errorf("a fragment matched: %+v", m)
	}
}
