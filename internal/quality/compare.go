package quality

import (
	"errors"
	"math"
	"slices"
)

// ErrTooShort is returned for speech with less of it active than a measure needs.
var ErrTooShort = errors.New("too little speech to judge")

// Scores are what the measures that compare two sounds say.
type Scores struct {
	NSIM  float64 // 1 is the very same, 0 nothing in common
	MOS   float64 // MOS-LQO: the score of listeners that NSIM stands for, 1..4.5
	ESTOI float64 // 1 is all understood, about 0 nothing
}

// Compare judges what was heard against what was said, both at SampleRate, piece by piece as
// the alignment says.
func Compare(said, heard []float32, a Alignment) (s Scores, err error) {
	x, y := decimate(said), decimate(heard)
	if s.NSIM, err = nsim(x, y, Active(said), a); err != nil {
		return Scores{}, err
	}
	if s.ESTOI, err = estoi(x, y, a); err != nil {
		return Scores{}, err
	}
	s.MOS = score(s.NSIM)
	return s, nil
}

// Active tells for each 20 ms of speech whether there is any: its level is no more than 35 dB
// below that of the loud parts (the 95th percentile) and at least 6 dB above the noise between words (the 10th; what is
// 10 dB below the loud parts is always speech), or was so in the 100 ms before.
func Active(said []float32) []bool {
	const frame, hangover = SampleRate / 50, 5
	levels := make([]float64, len(said)/frame)
	for i := range levels {
		for _, s := range said[i*frame:][:frame] {
			levels[i] += float64(s) * float64(s)
		}
	}
	loud, noise := percentile(levels, 0.95), percentile(levels, 0.1)
	floor := max(loud*decibels(-35), min(noise*decibels(6), loud*decibels(-10)))
	active := make([]bool, len(levels))
	last := -hangover - 1
	for i, l := range levels {
		if l > floor && l > 0 {
			last = i
		}
		active[i] = i-last <= hangover
	}
	return active
}

// decibels is a ratio of powers.
func decibels(db float64) float64 { return math.Pow(10, db/10) }

// percentile returns the value below which the share p of values lies, 0 for none.
func percentile(values []float64, p float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(len(sorted)-1, int(p*float64(len(sorted))))]
}
