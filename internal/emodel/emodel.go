// Package emodel is the one price of what a network does to speech: of delay and of lost frames, in points of the
// rating R of the E-model (ITU-T G.107 (06/2015)), which adds impairments up: R = Ro - Is - Id - Ie,eff + A. Whoever
// weighs delay against loss (a jitter buffer, a talker's ladder) or judges a call (the laboratory) uses it, so
// that they want the same.
//
// R goes from 0 to 100. A score of listeners is turned into R by the inverse of annex B, whatever band the speech had;
// so all constants here are on that one scale, and not on the longer one of G.107.1.
package emodel

import (
	"math"
	"slices"
	"time"
)

// Delay is Idd (G.107, 7-27 and 7-28, with the default listener: sT = 1, mT = 100 ms): what a delay from mouth to ear
// takes from R where there is no echo. It is 0 up to 100 ms, 3 at 200 ms, 15 at 300 ms, 24 at 400 ms.
func Delay(mouthToEar time.Duration) float64 {
	const threshold = 100 * time.Millisecond
	if mouthToEar <= threshold {
		return 0
	}
	x := math.Log2(float64(mouthToEar) / float64(threshold))
	root := func(x float64) float64 { return math.Pow(1+math.Pow(x, 6), 1.0/6) }
	return 25 * (root(x) - 3*root(x/3) + 2)
}

// What a millisecond of delay costs whoever may choose it, on top of the standard's price, which finds nothing wrong
// with 100 ms and so would buy next to nothing with it. Beyond impatientFor the standard's own price does. Chosen by
// experiment, docs/jitter.md.
const (
	impatience      = 0.08
	impatienceLater = 0.02
	impatientFor    = 150 // ms
)

// DelayPrice is what a choice of delay goes by: Delay and a little for each millisecond.
func DelayPrice(mouthToEar time.Duration) float64 {
	ms := float64(mouthToEar) / float64(time.Millisecond)
	return Delay(mouthToEar) + impatience*min(ms, impatientFor) + impatienceLater*max(0, ms-impatientFor)
}

// Worthwhile is the delay from mouth to ear, up to a second, that costs as much as the loss of a share of the frames, 0
// to 1: up to there it pays to wait for what would be lost otherwise. Without loss it is 0; 250 ms at 1 %, 400 ms at
// 3 %.
func Worthwhile(lost float64) time.Duration {
	i, _ := slices.BinarySearch(delays[:], LossPrice(lost))
	return time.Duration(i) * delayStep
}

const delayStep = 10 * time.Millisecond

// delays are what delays up to a second cost, in steps of delayStep.
var delays = func() (d [time.Second / delayStep]float64) {
	for i := range d {
		d[i] = Delay(time.Duration(i) * delayStep)
	}
	return d
}()

// bpl is the robustness to loss of Opus with its own concealment, in percent: the loss that takes half of the worth.
// G.113 does not list Opus. It was fitted to listening-test models of speech at 12 and 24 kbit/s with 0.8 to 20 % of
// the frames concealed (the scores are in TestLossAgreesWithMeasurements): 9 and 9.5 are nearest, 0.11 of a point
// off in the mean. Runs of lost frames (BurstR) cost the same as single ones there.
const bpl = 9.0

// Stretched is what time-stretched speech costs, as a part of the loss of as much. Fitted to recorded talkers:
// docs/lab.md, "How well they judge".
const Stretched = 0.4

// Heard is what is left of a worth in R when a share of the frames, 0 to 1, is lost to the listener and concealed:
// R less Ie,eff (G.107, 7-29: Ie + (95-Ie) Ppl/(Ppl+Bpl)), with the worth in the place of 95-Ie, so that
// nothing is left where nothing is heard.
func Heard(worth, lost float64) float64 { return worth * bpl / (bpl + 100*lost) }

// LossPrice is what the loss of a share of the frames, 0 to 1, takes from R of Opus at its usual bitrate.
func LossPrice(lost float64) float64 { return usual - Heard(usual, lost) }

// LossSlope is how much LossPrice grows with the share lost, where that is lost.
func LossSlope(lost float64) float64 { return 100 * Heard(usual, lost) / (bpl + 100*lost) }

// MOS is the score of listeners, 1 to 4.5, for a rating R (G.107, annex B).
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

// Conversational takes the price of delay from a score of listeners: it is turned into R, Delay taken off, and the
// rest turned back.
func Conversational(mos float64, mouthToEar time.Duration) float64 {
	return MOS(Rating(mos) - Delay(mouthToEar))
}
