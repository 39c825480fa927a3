package jitter

// sinceStretch is how much speech was made since it was last stretched.
func (b *Buffer) sinceStretch() int64 {
	return b.end() - b.stretched
}

// hurry is how far the delay is over the wanted one where something is taken out every other frame: of a pause, or a
// pitch period if there is any pitch at all. With less over it is done less often, by the square, and more alike have
// the places to be.
const hurry = SampleRate * 100 / 1000

// longer is how much less alike speech may be per step of coarse further on: long periods are taken out in a hurry, and
// short ones put in.
const longer = 0.001

// How much alike the places have to be between which speech is cut or repeated, as a correlation (see match).
const (
	cutFrom   = 0.9 // to take a period out where there is no hurry
	putFrom   = 0.8 // to put one in
	pitchFrom = 0.4 // to take one out in the greatest hurry: with less there is no pitch at all
)

// pauseBelow is the power of a pause, as a part of that of the loud parts: 35 dB less.
const pauseBelow = 0.0003

// shorten takes speech out, in a pause, or a pitch period where it repeats itself.
func (b *Buffer) shorten() {
	over, most := b.over(), b.spare()
	switch {
	case !b.aligned():
		most = over - tick
	case over > tick:
		most += (over - tick) / b.block * b.block
	}
	if most < SampleRate/1000 { // less than 1 ms is not worth a join
		return
	}
	for b.speech.len() < maxLag+alike {
		s := b.frames.get(b.frames.next)
		if s == nil || len(s.data) == 0 {
			break
		}
		b.decode()
	}
	x := b.speech.at(0)
	if len(x) < alike {
		return // frames that cannot be decoded make none
	}
	most = min(most, int64(len(x)-alike), maxLag)
	switch {
	case b.sinceStretch() < 2*FrameSize*hurry/max(over, 1)*hurry/max(over, 1):
		return
	case b.quiet(x[:most+tick]):
		b.speech.cut(0, int(most), tick)
		b.stretched = b.end()
		return
	case most < minLag:
		return
	}
	if at, score := match(x, x[minLag:most+alike], longer*float32(over)/hurry); score >= cutFrom-(cutFrom-pitchFrom)*float32(min(max(over, 0), hurry))/hurry {
		b.speech.cut(0, minLag+at, tick)
		b.stretched = b.end()
	}
}

// lengthen puts a pitch period in.
func (b *Buffer) lengthen() {
	x := b.speech.at(-maxLag)
	if len(x) < maxLag+alike || b.back()+maxLag > b.ceiling() || b.sinceStretch() < 2*maxLag {
		return
	}
	at, score := match(x[maxLag:], x[:maxLag-minLag+alike], longer)
	if score < putFrom && !b.quiet(x[maxLag:]) {
		return
	}
	lag := maxLag - at
	b.speech.repeat(0, lag, tick)
	b.stretched = b.end()
}

// quiet tells whether x is a pause.
func (b *Buffer) quiet(x []float32) bool {
	return meanSquare(x) < max(b.loud*pauseBelow, 1e-8) // and -80 dBov always is one
}
