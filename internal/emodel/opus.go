package emodel

// rated is what Opus is worth in R without loss at a bitrate: a score of listening-test models and of recorded
// talkers (docs/repair.md, "What the points buy"), turned into R.
type rated struct {
	bitrate float64 // bit/s
	r       float64
}

// wide and narrow are what wideband and narrowband speech is worth. Below 9.5 kbit/s one is no better than the other.
var (
	wide   = []rated{{8500, 57}, {9500, 64}, {10000, 72}, {12000, 80}, {16000, 86.5}, {20000, 90}, {24000, usual}, {32000, 94}}
	narrow = []rated{{6000, 44}, {7000, 51}, {8000, 58}, {9000, 61.5}, {12500, 64}}
)

// usual is the worth of Opus at 24 kbit/s.
const usual = 92.0

// What libopus makes of a bitrate depends on where it comes from: a new encoder codes wideband from WideFrom on, one
// that does so goes on down to WideDownTo, and one that has been below stays in narrowband up to 12.5 kbit/s
// (measured, complexity 9).
const (
	WideFrom   = 9500 // bit/s
	WideDownTo = 8500
)

// Worth is R of speech that Opus codes at a bitrate in bit/s, none of it lost or late; narrowband is for an encoder
// that codes so now.
func Worth(bitrate float64, narrowband bool) float64 {
	points := wide
	if bitrate < WideDownTo || narrowband && bitrate < WideFrom {
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
