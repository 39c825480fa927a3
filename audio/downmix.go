package audio

import "math"

// mixer makes one channel of several: the mean of those that carry sound. The same voice in all channels comes
// out as loud as in one; a voice in one channel of eight comes out as loud as it is there. The mean of all
// eight would bury it by 18 dB, and weights by the places of the loudspeakers (ITU-R BS.775: 1 in the middle, 0.71 at
// the sides, 0.5 behind), scaled so that nothing clips, by 13 to 19 dB.
// This is the gain sharing of automatic microphone mixers (D. Dugan, "Automatic Microphone Mixing", JAES 23(6), 1975):
// the gains depend on the share of each channel in the power and always sum to 1, so
// the mix is never louder than the loudest channel.
//
// A channel has weight 1 while its power is at most 10 dB below that of the loudest, and below that a weight in
// proportion to its power. One that is the loudest turned over, as of a microphone wired the wrong way, has none: it
// would cancel that one.
type mixer struct {
	piece int       // frames over which the gains move to what the powers there ask for
	power []float64 // mean square, falls slowly
	gain  []float32
	next  []float32
	lead  int
	begun bool
}

const (
	mixEqual  = 10    // power ratio (10 dB) within which channels count alike
	mixPieces = 200   // per second
	mixFall   = 0.9   // of power per piece: time constant 47 ms, longer than a period of a low voice
	mixSwap   = 2     // power ratio (3 dB) at which another channel takes the lead
	mixCancel = -0.98 // correlation with the leading channel below which one is left out
)

func newMixer(channels, rate int) *mixer {
	return &mixer{
		piece: rate / mixPieces,
		power: make([]float64, channels),
		gain:  make([]float32, channels),
		next:  make([]float32, channels),
	}
}

// mix fills dst from in, len(dst) frames of interleaved channels.
func (m *mixer) mix(dst, in []float32) {
	channels := len(m.gain)
	if channels == 1 {
		copy(dst, in)
		return
	}
	for len(dst) > 0 {
		n := min(len(dst), m.piece)
		m.weigh(in[:n*channels])
		if !m.begun {
			copy(m.gain, m.next)
			m.begun = true
		}
		for i := range n {
			var sum float32
			t := float32(i) / float32(n)
			for c, s := range in[i*channels:][:channels] {
				sum += s * (m.gain[c] + t*(m.next[c]-m.gain[c]))
			}
			dst[i] = sum
		}
		copy(m.gain, m.next)
		dst, in = dst[n:], in[n*channels:]
	}
}

// weigh sets the gains that a piece asks for.
func (m *mixer) weigh(in []float32) {
	channels := len(m.gain)
	frames := float64(len(in) / channels)
	var loudest float64
	for c := range channels {
		var square float64
		for i := c; i < len(in); i += channels {
			square += float64(in[i]) * float64(in[i])
		}
		m.power[c] = max(square/frames, mixFall*m.power[c])
		loudest = max(loudest, m.power[c])
	}
	if m.power[m.lead]*mixSwap < loudest {
		for c, p := range m.power {
			if p == loudest {
				m.lead = c
			}
		}
	}
	var total float32
	for c := range channels {
		m.next[c] = m.weight(in, c, loudest)
		total += m.next[c]
	}
	for c := range channels {
		m.next[c] /= total
	}
}

func (m *mixer) weight(in []float32, c int, loudest float64) float32 {
	if loudest == 0 || c == m.lead {
		return 1
	}
	channels := len(m.gain)
	var product, own, lead float64
	for i := 0; i < len(in); i += channels {
		a, b := float64(in[i+c]), float64(in[i+m.lead])
		product, own, lead = product+a*b, own+a*a, lead+b*b
	}
	if product < mixCancel*math.Sqrt(own*lead) {
		return 0
	}
	return float32(min(1, mixEqual*m.power[c]/loudest))
}
