package jitter

import "math"

// The E-model of ITU-T G.107 (06/2015) rates a call from 0 to 100 as a sum:
// R = R0 - Is - Id - Ie,eff + A. A jitter buffer trades two terms of it against
// each other, the impairment by delay and that by lost frames.

// delayImpairment is Idd of G.107 (7-27, 7-28) for the way from mouth to ear in ms,
// with the defaults sT = 1 and mT = 100 ms.
func delayImpairment(ms float64) float64 {
	if ms <= 100 {
		return 0
	}
	x := math.Log2(ms / 100)
	return 25 * (math.Pow(1+math.Pow(x, 6), 1.0/6) - 3*math.Pow(1+math.Pow(x/3, 6), 1.0/6) + 2)
}

// lossImpairment is Ie,eff of G.107 (7-29) for a share of frames lost at random, 0..1. What is astray is priced
// by it.
func lossImpairment(share float64) float64 { return 95 * share / (share + lossRobustness/100.0) }

// lossSlope is how much Ie,eff of G.107 (7-29) grows with the share of frames lost, 0..1,
// where that is share; at random (BurstR = 1). For frames late in order the slope, not the curve, is what a
// choice of delay goes by: the curve flattens out, and would give up speech that is late half of the time.
func lossSlope(share float64) float64 {
	percent := 100 * share
	return 100 * 95 * lossRobustness / ((percent + lossRobustness) * (percent + lossRobustness))
}

// lossRobustness is Bpl of Opus with its concealment. It is not tabulated in G.113; 10 was
// fitted to 24 kbit/s at 5, 10 and 20 % of loss.
const lossRobustness = 10
