package quality

import (
	"math"
	"time"
)

// DefaultR is the rating of a G.107 connection with all default values and no delay
// (ITU-T G.107 clause 7.7).
const DefaultR = 93.2

// WidebandR is the rating of a clean wideband channel on the longer scale of ITU-T G.107.1.
const WidebandR = 129

// wideband is the factor between the two scales (ITU-T G.107.1, annex A).
const wideband = 1.29

// DelayImpairment is Idd of ITU-T G.107 (equations 7-27 and 7-28 with the default user, sT = 1 and
// mT = 100 ms): what a mouth-to-ear delay without echo takes from the rating R. Nothing up to
// 100 ms, 3 at 200 ms, 15 at 300 ms, 24 at 400 ms.
func DelayImpairment(mouthToEar time.Duration) float64 {
	const threshold = 100 * time.Millisecond
	if mouthToEar <= threshold {
		return 0
	}
	x := math.Log2(float64(mouthToEar) / float64(threshold))
	root := func(x float64) float64 { return math.Pow(1+math.Pow(x, 6), 1.0/6) }
	return 25 * (root(x) - 3*root(x/3) + 2)
}

// LossImpairment is Ie,eff of ITU-T G.107 (equation 7-29) and of G.107.1: the impairment of a
// codec with packet loss. ie is the impairment without loss, bpl the robustness to loss, loss the
// share of frames lost (0..1), burst the mean length of bursts over the one that independent loss
// would have (BurstR, 1 where loss is independent).
func LossImpairment(ie, bpl, loss, burst float64) float64 {
	if loss <= 0 {
		return ie
	}
	ppl := 100 * loss
	return ie + (95-ie)*ppl/(ppl/max(burst, 1)+bpl)
}

// MOS maps a rating R of G.107 to the mean opinion score (G.107 annex B): 1 to 4.5.
func MOS(r float64) float64 {
	switch {
	case r <= 0:
		return 1
	case r >= 100:
		return 4.5
	}
	return max(1, 1+0.035*r+7e-6*r*(r-60)*(100-r)) // the cubic dips below 1 under R = 6.5
}

// Rating is the inverse of MOS: the R that gives this score.
func Rating(mos float64) float64 {
	low, high := 6.5, 100.0
	for range 60 {
		if middle := (low + high) / 2; MOS(middle) < mos {
			low = middle
		} else {
			high = middle
		}
	}
	return (low + high) / 2
}

// Conversational takes the price of delay from a listening score: the score is turned into R, the
// delay impairment taken off and the rest turned back. So CQ = mos - (MOS(R) - MOS(R - Idd)).
func Conversational(mos float64, mouthToEar time.Duration) float64 {
	return MOS(Rating(mos) - DelayImpairment(mouthToEar))
}

// OpusBpl is the robustness of Opus to loss as the E-model counts it. ITU-T G.113 does not
// list Opus, so it is our own figure, fitted to listening-test models at 1, 5 and 10 % of independently lost and
// concealed frames.
const OpusBpl = 4.2

// OpusIe is the impairment of Opus at a bitrate of payload in bit/s, on the scale of G.107.1. It too
// is our own figure: a line over the logarithm of the bitrate, fitted at 12 and 24 kbit/s without loss.
func OpusIe(bitrate int) float64 {
	const at24, perOctave = 10, 17
	return max(0, at24+perOctave*math.Log2(24000/float64(max(bitrate, 1))))
}

// Wideband is the rating of ITU-T G.107.1, on the scale up to 129, and its score, for a codec with
// impairment ie and Opus's robustness. concealed is the share of frames that were lost to the
// listener (0..1) and burst their BurstR. All other inputs of G.107.1 have their default values,
// so that R = 129 - Idd - Ie,eff.
func Wideband(ie, concealed, burst float64, mouthToEar time.Duration) (r, mos float64) {
	r = WidebandR - DelayImpairment(mouthToEar) - LossImpairment(ie, OpusBpl, concealed, burst)
	return r, MOS(r / wideband)
}
