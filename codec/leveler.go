package codec

import "math"

// LevelerConfig says how far a Leveler goes. Levels are those of active speech, in dBov.
type LevelerConfig struct {
	Target float64 // where speech is to be
	Boost  float64 // most that it is made louder, dB
	Cut    float64 // most that it is made quieter, dB
	Rate   float64 // dB per second at which the gain moves
	Within float64 // what is so close to Target, in dB, is left alone
}

// Leveler brings speech slowly to one loudness, as a hand on a fader would: it learns how loud somebody speaks from the
// frames in which they do, so that noise and pauses move nothing. It adds no delay. Use NewLeveler.
//
//	frame ── VAD: voice? ── energy, mean of the last seconds ── gain, at a bounded rate ── times gain ──>
type Leveler struct {
	cfg    LevelerConfig
	vad    VAD
	power  float64 // mean energy of speech
	known  int     // frames of speech that it is made of, at most levelFrames
	block  block
	gain   float64 // in force, dB
	factor float64 // the same
}

const (
	// levelFrames is how many frames of speech the mean goes back, 3 s: some sentences, so that a word that is stressed
	// or a voice that falls at the end stays so.
	levelFrames = 150
	// levelKnown is from how many frames on the mean is used, 0.3 s: a word or two.
	levelKnown = 15
	// levelActive is how far below the mean a frame is not counted, 15 dB (ITU-T P.56 has 15.9 for active speech).
	levelActive = 0.03
	// levelBlock is how many frames of voice a block has, 3 s, and levelFallen how far below the mean those of a whole
	// block are, 10 dB, when somebody speaks who is quieter: the mean begins anew with the block.
	levelBlock  = 150
	levelFallen = 0.1
	// levelDense is how often as long as its voice a block may take; noise that is taken for voice now and then takes
	// longer.
	levelDense = 2
)

// block is all voice since the last look at it, loud or not.
type block struct {
	sum     float64 // energy
	voice   int     // frames
	samples int     // time that has passed
}

// NewLeveler makes a Leveler that has heard nothing, and changes nothing yet.
func NewLeveler(cfg LevelerConfig) *Leveler { return &Leveler{cfg: cfg, factor: 1} }

// Process levels pcm, one frame in order (FrameSize samples), in place. Without learn the gain goes by what was heard
// before. What is loud for a moment may be beyond -1..1 afterwards: a Limiter follows.
func (l *Leveler) Process(pcm []float32, learn bool) {
	if learn && l.vad.Voice(pcm) {
		var sum float64
		for _, s := range pcm {
			sum += float64(s) * float64(s)
		}
		l.Learn(sum / float64(len(pcm)))
	}
	gain := l.factor
	step := (l.Move(len(pcm)) - gain) / float64(len(pcm))
	if gain == 1 && step == 0 {
		return
	}
	for i := range pcm {
		gain += step
		pcm[i] *= float32(gain)
	}
}

// Learn takes the mean energy of a frame of speech.
func (l *Leveler) Learn(energy float64) {
	if math.IsNaN(energy) || math.IsInf(energy, 0) {
		return
	}
	l.block.sum += energy
	if l.block.voice++; l.block.voice == levelBlock {
		if mean := l.block.sum / levelBlock; mean < levelFallen*l.power {
			l.power, l.known = mean, levelKnown
		}
		l.block = block{}
	}
	if l.known >= levelKnown && energy < levelActive*l.power {
		return
	}
	l.known = min(l.known+1, levelFrames)
	l.power += (energy - l.power) / float64(l.known)
}

// Move lets so many samples pass, and returns the gain in force after them, as a factor.
func (l *Leveler) Move(samples int) float64 {
	if l.block.samples += samples; l.block.samples > levelDense*levelBlock*FrameSize {
		l.block = block{}
	}
	if l.known < levelKnown {
		return l.factor
	}
	want := max(-l.cfg.Cut, min(l.cfg.Boost, l.cfg.Target-10*math.Log10(l.power)))
	if math.Abs(want) <= l.cfg.Within {
		want = 0
	}
	most := l.cfg.Rate * float64(samples) / SampleRate
	if step := max(-most, min(most, want-l.gain)); step != 0 {
		l.gain += step
		l.factor = math.Pow(10, l.gain/20)
	}
	return l.factor
}

// Gain is the gain in force, in dB.
func (l *Leveler) Gain() float64 { return l.gain }
