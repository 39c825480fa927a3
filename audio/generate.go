package audio

import "math"

// Tone returns an endless sine of the given frequency in Hz and level in dBov, as
// codec.Level measures it: a sine of full scale has -3.01 dBov, and no tone is louder.
// It never blocks; see PacedSource.
func Tone(hz, dBov float64) Reader {
	return &tone{
		step:      hz / SampleRate,
		amplitude: min(1, math.Sqrt2*math.Pow(10, dBov/20)),
	}
}

type tone struct {
	phase, step float64 // in periods
	amplitude   float64
}

func (t *tone) Read(pcm []float32) (int, error) {
	for i := range pcm {
		pcm[i] = float32(t.amplitude * math.Sin(2*math.Pi*t.phase))
		t.phase += t.step
		t.phase -= math.Floor(t.phase)
	}
	return len(pcm), nil
}

func (t *tone) Close() error { return nil }

// Discard returns a Writer that forgets everything. It never blocks; see PacedSink.
func Discard() Writer { return discard{} }

type discard struct{}

func (discard) Write([]float32) error { return nil }
func (discard) Close() error          { return nil }
