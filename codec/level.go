package codec

import "math"

// Silent is the level of digital silence and of anything below -127 dBov.
const Silent = 127

// Level returns the loudness of pcm in -dBov, 0 (loudest) to 127, as the datagram
// header wants it: the root mean square against a full-scale square wave, rounded to
// the nearest decibel (RFC 6465 appendix A, RFC 6464 section 3). A full-scale sine is 3.
// An empty slice, and one with a sample that is not a number, is Silent.
func Level(pcm []float32) uint8 {
	var sum float64
	for _, s := range pcm {
		sum += float64(s) * float64(s)
	}
	if !(sum > 0) {
		return Silent
	}
	db := -10 * math.Log10(sum/float64(len(pcm)))
	return uint8(math.Round(max(0, min(db, Silent))))
}
