package jitter

// noise imitates the talker's background while nothing is sent. It keeps the
// quietest frame heard of late and plays random pieces of it, overlapping and in
// random polarity, which has the level and the spectrum of the background without a
// beat. A talker that stays away fades out.
type noise struct {
	grain [FrameSize]float32
	power float32 // of grain; 0 until one is known
	seed  uint32

	piece [tick]float32 // ready to be played
	left  int           // samples of it not played
	tail  [tick]float32 // second half of the last grain, not yet overlapped
	gain  float32
}

const (
	// noiseCeiling is the loudest background that is imitated, -30 dBov.
	noiseCeiling = 1e-3
	// fading is how fast levels are forgotten: of the loudest and the quietest frame, 3 dB in 7 s of speech, and of the
	// background without its talker, 6 dB in 2 s.
	fading = 1.002
)

// learn looks at a frame of the given power.
func (n *noise) learn(x []float32, power float32) {
	n.power *= fading
	if power < noiseCeiling && (n.power == 0 || power < n.power) && power > 0 {
		n.power = power
		copy(n.grain[:], x)
	}
}

// wake brings the noise to its level: a talkspurt has ended.
func (n *noise) wake() { n.gain = 1 }

// silent tells whether there is nothing to be heard of it: none is known, or it is down by 30 dB.
func (n *noise) silent() bool { return n.power == 0 || n.gain < 0.03 }

// add adds noise to out, at a level that goes from a to b.
func (n *noise) add(out []float32, a, b float32) {
	step := (b - a) / float32(len(out))
	for i := range out {
		if n.left == 0 {
			n.next()
		}
		out[i] += a * n.piece[tick-n.left]
		n.left--
		a += step
	}
}

// next overlaps the last grain with another.
func (n *noise) next() {
	n.seed = n.seed*1664525 + 1013904223 // Knuth, TAOCP 3.3.4
	at := int(n.seed>>16) % (FrameSize - 2*tick + 1)
	gain := n.gain
	if n.seed&(1<<15) != 0 {
		gain = -gain
	}
	// Grains are not alike, so their powers add up: weights whose squares sum to one, near
	// enough to sine and cosine.
	for i := range tick {
		w := float32(i) / tick
		up := w * (2 - w)
		down := (1 - w) * (1 + w)
		n.piece[i] = n.tail[i] + gain*up*n.grain[at+i]
		n.tail[i] = gain * down * n.grain[at+tick+i]
	}
	n.left = tick
	n.gain /= fading
}
