package jitter

// extension carries the last speech on while its next frame is awaited. It touches no
// decoder state, so a frame that comes late is decoded as if nothing had been.
// As in ITU-T G.711 Appendix I the last pitch period is repeated and faded; where
// it meets real speech again, the two are aligned and cross-faded.
type extension struct {
	total  int     // samples made since the speech ran out
	level  float32 // of the last sample made
	period [maxLag]float32
	lag    int
	pos    int
	jump   float32 // step at the first junction, smoothed away
}

const (
	// fadeFrom to fadeTo: what is invented is at full level for 40 ms and gone at 200 ms. As much speech as the first
	// makes the next extension begin at its full level, and for as long a resend is awaited that later frames overtook.
	fadeFrom = SampleRate * 40 / 1000
	fadeTo   = SampleRate * 200 / 1000
)

// silence makes it nothing, for speech that begins.
func (e *extension) silence() { *e = extension{lag: 1} }

// begin takes the pitch period to repeat from the end of x, which has history samples. Where less than fadeFrom of
// it was heard since the last extension, that one goes on falling.
func (e *extension) begin(x []float32, heard int64) {
	n := len(x)
	at, score := match(x[n-alike:], x[n-alike-maxLag:n-minLag], 0)
	e.lag = maxLag - at
	if score < 0.4 {
		e.lag = maxLag
	}
	l := e.lag
	copy(e.period[:l], x[n-l:])
	// The end of the period fades to what came before its start, so that it loops.
	q := l / 4
	fade(e.period[l-q:l], e.period[l-q:l], x[n-l-q:n-l])
	// Without its mean, or a pause between two of its samples would be a rumble.
	var mean float32
	for _, v := range e.period[:l] {
		mean += v / float32(l)
	}
	for i := range e.period[:l] {
		e.period[i] -= mean
	}
	e.jump = x[n-1] - x[n-l-1] + mean
	e.level, e.pos = 1, 0
	if heard >= fadeFrom {
		e.total = 0
	}
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
		out[i] = gain * (e.period[e.pos] + e.jump)
		gain += step
		e.jump *= 0.98
		if e.pos++; e.pos == e.lag {
			e.pos = 0
		}
	}
}
