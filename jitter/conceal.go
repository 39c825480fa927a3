package jitter

// extension carries the last speech on while its next frame is awaited, so that a frame that comes late is decoded as
// if nothing had been. A decoder that can go back conceals meanwhile, and if the frame does not come, that stands for
// it. With any other, as in ITU-T G.711 Appendix I, the last pitch period is repeated and faded. Where the extension
// meets real speech again, the two are aligned and cross-faded.
type extension struct {
	total int     // samples made since the speech ran out
	level float32 // of the last sample made

	dec     Rewinder           // makes it; nil: the pitch period does
	frame   [FrameSize]float32 // made last by dec
	used    int                // samples of it
	givenUp bool               // a frame was: dec does not go back any more

	period [maxLag]float32
	lag    int
	pos    int
	jump   float32 // step at the first junction, smoothed away

	met    bool           // speech has come that it is to meet
	more   [alike]float32 // how it would have gone on then
	before float32        // the level there
}

const (
	// fadeFrom to fadeTo: what is invented is at full level for 40 ms and gone at 200 ms. As much speech as the first
	// makes the next extension begin at its full level, and for as long a resend is awaited that later frames overtook.
	fadeFrom = SampleRate * 40 / 1000
	fadeTo   = SampleRate * 200 / 1000
)

// silence makes it nothing, for speech that begins.
func (e *extension) silence() { *e = extension{lag: 1} }

// begin lets dec carry on, or the pitch period at the end of x, which has history samples. Where less than fadeFrom of
// it was heard since the last extension, that one goes on falling.
func (e *extension) begin(dec Rewinder, x []float32, heard int64) {
	if e.dec = dec; dec != nil {
		dec.Save()
		e.used, e.givenUp = FrameSize, false
	} else {
		e.take(x)
	}
	e.level = 1
	if heard >= fadeFrom {
		e.total = 0
	}
}

// take takes the pitch period to repeat.
func (e *extension) take(x []float32) {
	n := len(x)
	at, score := match(x[n-alike:], x[n-alike-maxLag:n-minLag], 0)
	e.lag = maxLag - at
	if score < pitchFrom { // noise: the longest buzzes least
		e.lag = maxLag
	}
	l := e.lag
	copy(e.period[:l], x[n-l:])
	// The last quarter of the period fades to what came before its start, so that it loops.
	q := l / 4
	fade(e.period[l-q:l], e.period[l-q:l], x[n-l-q:n-l])
	e.jump = x[n-1] - x[n-l-1]
	e.pos = 0
}

// gain is the level of the extension now, 1 to 0.
func (e *extension) gain() float32 {
	return min(1, max(0, float32(fadeTo-e.total)/(fadeTo-fadeFrom)))
}

// read makes the next samples.
func (e *extension) read(out []float32) {
	gain := e.level
	e.total += len(out)
	e.level = e.gain()
	step := (e.level - gain) / float32(len(out))
	for i := range out {
		switch {
		case gain <= 0:
			out[i] = 0
		case e.dec != nil:
			out[i] = gain * e.concealed()
		default:
			out[i] = gain * e.repeated()
		}
		gain += step
	}
}

// concealed is the decoder's next sample.
func (e *extension) concealed() float32 {
	if e.used == FrameSize {
		if e.dec.Conceal(e.frame[:]) != nil {
			clear(e.frame[:])
		}
		e.used = 0
	}
	e.used++
	return e.frame[e.used-1]
}

// repeated is the pitch period's next sample.
func (e *extension) repeated() float32 {
	v := e.period[e.pos] + e.jump
	e.jump *= 0.98 // gone in a pitch period: a hundredth is left after 5 ms
	if e.pos++; e.pos == e.lag {
		e.pos = 0
	}
	return v
}

// meet notes how the extension would go on, for the speech that has come, and has the decoder go back to where it
// began.
func (e *extension) meet() {
	if e.met {
		return
	}
	e.met, e.before = true, e.level
	e.read(e.more[:])
	if e.dec != nil && !e.givenUp {
		e.dec.Rewind()
		e.used = FrameSize
	}
}
