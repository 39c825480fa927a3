package adapt

import (
	"math"
	"time"
)

// rated is what Opus is worth without loss at a bitrate, on the scale of R. The MOS are
// PESQ-WB where known (12 and 24 kbit/s) and a measure calibrated to it elsewhere
// (docs/repair.md), turned into R by the inverse of ITU-T G.107 annex B. The step is where libopus
// stops coding wideband.
var rated = [...]struct {
	bitrate int // bit/s
	r       float64
}{
	{6000, 35}, {9500, 40}, {10000, 74}, {12000, 80}, {16000, 86}, {20000, 89.5}, {24000, 92}, {32000, 94},
}

// rating interpolates rated.
func rating(bitrate float64) float64 {
	last := rated[0]
	for _, p := range rated {
		if bitrate <= float64(p.bitrate) {
			if p.bitrate == last.bitrate {
				return p.r
			}
			part := (bitrate - float64(last.bitrate)) / float64(p.bitrate-last.bitrate)
			return last.r + part*(p.r-last.r)
		}
		last = p
	}
	return last.r
}

// Figures of lossPrice, fitted to PESQ of Opus with its own concealment: 24 kbit/s falls from
// 4.39 to 3.00, 2.23 and 1.70 at 5, 10 and 20 % of random loss, and what bursts of four
// leave of 12 kbit/s with one copy at four distances fits with twice the robustness.
const (
	robustness = 9.3  // Bpl of ITU-T G.107, 7.5, for single lost frames
	runPower   = 0.45 // how it grows with the length of a run of lost frames
)

// lossPrice is what lost frames cost in points of R: Ie,eff of ITU-T G.107, 7.5, with Ie
// counted in rating. loss is 0 to 1, run the mean number of frames in a hole.
func lossPrice(loss, run float64) float64 {
	percent := 100 * loss
	return 95 * percent / (percent + robustness*math.Pow(max(run, 1), runPower))
}

// eagerness is what every millisecond of delay costs beside the E-model, which finds
// nothing wrong with 100 ms: where all else is equal, sooner is better.
const eagerness = 0.025

// delayPrice is what a delay from mouth to ear costs in points of R: Idd of ITU-T G.107,
// 7.4, and eagerness.
func delayPrice(d time.Duration) float64 {
	price := eagerness * float64(d) / float64(time.Millisecond)
	if d <= 100*time.Millisecond {
		return price
	}
	x := math.Log2(float64(d) / float64(100*time.Millisecond))
	idd := 25 * (math.Pow(1+math.Pow(x, 6), 1.0/6) - 3*math.Pow(1+math.Pow(x/3, 6), 1.0/6) + 2)
	return price + idd
}
