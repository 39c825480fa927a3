package adapt

import (
	"math"
	"time"
)

// rated is what Opus is worth in R without loss at a bitrate: a score of listening-test models and of recorded
// talkers (docs/repair.md, "What the points buy"), turned into R by the inverse of ITU-T G.107 annex B.
type rated struct {
	bitrate float64 // bit/s
	r       float64
}

// wide and narrow are what wideband and narrowband speech is worth. Below 9.5 kbit/s one is no better than the other.
var (
	wide   = []rated{{8500, 57}, {9500, 64}, {10000, 72}, {12000, 80}, {16000, 86.5}, {20000, 90}, {24000, 92}, {32000, 94}}
	narrow = []rated{{6000, 44}, {7000, 51}, {8000, 58}, {9000, 61.5}, {12500, 64}}
)

// What libopus makes of a bitrate depends on where it comes from: a new encoder codes
// wideband from wideBitrate on, one that does so goes on down to keepBitrate, and one that has
// been below stays in narrowband up to 12.5 kbit/s (measured, complexity 9).
const (
	wideBitrate = 9500 // bit/s
	keepBitrate = 8500
)

// rating is what speech at a bitrate is worth in R; narrowband is for an encoder that codes so now.
func rating(bitrate float64, narrowband bool) float64 {
	points := wide
	if bitrate < keepBitrate || narrowband && bitrate < wideBitrate {
		points = narrow
	}
	last := points[0]
	for _, p := range points[1:] {
		if bitrate <= p.bitrate {
			return last.r + (bitrate-last.bitrate)/(p.bitrate-last.bitrate)*(p.r-last.r)
		}
		last = p
	}
	return last.r
}

// robustness is Bpl of ITU-T G.107, 7.5, for Opus with its own concealment: fitted to 24 kbit/s
// at 0 to 20 % of loss (TestHeardAgreesWithMeasurements). Loss in runs costs the same as single frames there.
const robustness = 9.0 // percent

// heard is what is left of a worth in R when a share of the frames, 0 to 1, must be
// concealed: R less Ie,eff of ITU-T G.107, 7.5, (95-Ie)*Ppl/(Ppl+Bpl), where 95-Ie is the worth.
func heard(worth, loss float64) float64 { return worth * robustness / (robustness + 100*loss) }

// eagerness is what a millisecond of delay costs beside the E-model, up to eagerFor:
// it finds nothing wrong with 100 ms, but where all else is nearly equal, sooner is better.
const (
	eagerness = 0.07
	eagerFor  = 150 * time.Millisecond
)

// delayPrice is what a delay from mouth to ear costs in points of R: Idd of ITU-T G.107,
// 7.4, and eagerness.
func delayPrice(d time.Duration) float64 {
	price := eagerness * float64(min(d, eagerFor)) / float64(time.Millisecond)
	if d <= 100*time.Millisecond {
		return price
	}
	x := math.Log2(float64(d) / float64(100*time.Millisecond))
	idd := 25 * (math.Pow(1+math.Pow(x, 6), 1.0/6) - 3*math.Pow(1+math.Pow(x/3, 6), 1.0/6) + 2)
	return price + idd
}
