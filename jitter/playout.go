package jitter

// player is the playing side of the buffer.
//
//	idle ---- a frame is due ----> talking ---- nothing here, nothing later ----> waiting
//	  ^                              |  ^                                            |
//	  +--- end of the talkspurt -----+  +------------- a frame came -----------------+
//	  +------------------------------- waited too long ------------------------------+
type player struct {
	state   state
	speech  decoded
	pulled  int64 // time of the first sample of this Pull
	elapsed int64 // samples of it made so far
	block   int64 // length of the last Pull

	ext       extension
	resumed   int64              // time at which speech went on after a wait or a pause, and what was made up since
	held      int64              // samples of extension that still count as waiting
	fresh     [FrameSize]float32 // the frame decoded last
	concealed int                // frames lost in a row
	hasty     bool               // the newest frame came when it was given up: the next is waited for
	loud      float32            // power of the loud parts
	stretched int64              // time at which speech was last stretched
	tried     int64              // time at which there was nothing to take out
	noise     noise
}

type state uint8

const (
	idle state = iota
	talking
	waiting
)

const (
	// waitFor is how long a frame is awaited in a talkspurt before it is taken for over.
	waitFor = SampleRate / 2
	// concealMost is how many lost frames are concealed in a row, then it is silent.
	concealMost = 6
	// chunk is the least piece of waiting or silence.
	chunk = SampleRate * 25 / 10000
)

func (p *player) init() {
	p.speech.init()
}

func (p *player) stop() {
	p.state = idle
	p.held = 0
	p.speech.clear()
}

// delay is the time from a frame's number to its playout, for the next one to be decoded.
func (b *Buffer) delay() int64 { return b.end() - b.frames.next*FrameSize }

// spare is how long before its playout the next frame is asked for: playout goes by
// blocks, frames do not end with them. Where it is another time for each frame it is the longest.
func (b *Buffer) spare() int64 {
	if !b.aligned() {
		return b.block
	}
	return (b.elapsed + int64(b.speech.len())) % b.block
}

// aligned tells whether all frames lie in the blocks alike.
func (b *Buffer) aligned() bool { return b.block > 0 && FrameSize%b.block == 0 }

// step makes the next piece of speech, or of silence.
func (b *Buffer) step() {
	if b.state == idle && !b.begin() {
		b.silence()
		return
	}
	if b.frames.over() {
		b.finish()
		b.silence()
		return
	}
	if n, ok := b.frames.first(); ok {
		if b.state == waiting && b.gathering(n) {
			b.wait()
			return
		}
		b.leap(n)
		if b.held > 0 {
			b.catchUp(n)
		}
	}
	switch s := b.frames.get(b.frames.next); {
	case s != nil && len(s.data) == 0:
		b.frames.skipTo(b.frames.next + 1)
		b.finish()
		b.silence()
	case s != nil:
		b.decode()
		b.adjust()
	case b.worthWaiting():
		b.wait()
	default:
		b.lost()
	}
}

// worthWaiting tells whether the next frame, which is not here, is better waited for than
// given up.
func (b *Buffer) worthWaiting() bool {
	now := b.pulled + b.elapsed
	lateness := now - b.frames.next*FrameSize - b.model.queue
	if b.frames.next < b.frames.announced() {
		if due := b.frames.expected(b.frames.next); due > 0 && due+resendSlack > now && b.held < resendMost {
			return true
		}
		if b.state == waiting {
			return b.held < FrameSize
		}
		return b.model.hope(lateness, holdMost) > holdOdds
	}
	// Nothing later is here. If two datagrams are overdue the network is stuck; if it is one
	// it may be lost.
	overdue := now - (b.frames.highest+2*b.frames.stride())*FrameSize - b.model.queue
	return b.state == waiting || b.hasty || b.heard() < restored || overdue > 2*lateBin || b.model.later(lateness) >= lostOdds*b.model.lost()
}

const (
	// lostOdds: a frame is given up at once if it is so much less likely late than lost. To
	// wait for a lost one costs little, to give up a late one is 20 ms of speech.
	lostOdds = 0.3
	// dryOdds: the speech that is here is slowed down if this likely it does not last.
	dryOdds = 0.3
	// shortLag is how much likeness a longer pitch period must have ahead, per step of coarse.
	shortLag = 0.001
	// holdOdds: a frame that was overtaken is held for if this likely it comes within holdMost. Up to a
	// whole frame may pass so: what was made meanwhile is in its place if it does not come.
	holdOdds = 0.1
	// holdMost is how long a frame is awaited when later ones are here.
	holdMost = SampleRate * 10 / 1000
	// resendMost is the same when a resend is on its way, resendSlack how late that may be.
	resendMost  = SampleRate * 40 / 1000
	resendSlack = SampleRate * 10 / 1000
)

// begin starts a talkspurt when its first frame is due, out of the background.
func (b *Buffer) begin() bool {
	for {
		n, ok := b.frames.first()
		if !ok {
			return false
		}
		s := b.frames.get(n)
		if len(s.data) == 0 {
			b.frames.skipTo(n + 1)
			continue
		}
		due := min(n*FrameSize+b.aim.delay, s.at+b.longest())
		if b.elapsed > 0 || b.pulled < due || b.gathering(n) {
			return false
		}
		b.frames.skipTo(n)
		b.catchUp(n)
		b.ext.silence()
		b.state = waiting
		b.held = 0
		b.concealed = 0
		return true
	}
}

// decode makes speech of the next frame, which is here.
func (b *Buffer) decode() {
	s := b.frames.get(b.frames.next)
	kind := Decoded
	if s.copied {
		kind = Redundant
		if s.number < b.absent || s.number >= b.came { // what was said while it was not for us was not lost to us
			b.stats.Repaired++
		}
	}
	if b.dec.Decode(s.data, b.fresh[:]) != nil {
		b.lost()
		return
	}
	s.state = past
	b.hasty = false
	power := meanSquare(b.fresh[:])
	b.loud = max(power, b.loud*0.998)
	b.noise.learn(b.fresh[:], power)
	b.concealed = 0
	b.emit(kind)
}

// lost makes something of the next frame, which is not here.
func (b *Buffer) lost() {
	b.stats.Lost++
	b.model.missed()
	kind := FEC
	after := b.frames.get(b.frames.next + 1)
	if after == nil || len(after.data) == 0 || !b.dec.HasFEC(after.data) || b.dec.DecodeFEC(after.data, b.fresh[:]) != nil {
		kind = Concealed
		if b.dec.Conceal(b.fresh[:]) != nil {
			clear(b.fresh[:])
		}
		b.concealed++
		if b.concealed > concealMost {
			b.background(b.concealed == concealMost+1)
		}
	} else {
		b.concealed = 0
	}
	if b.held >= FrameSize {
		b.held -= FrameSize
		b.frames.skipTo(b.frames.next + 1)
		return
	}
	b.emit(kind)
}

// background makes the fresh frame the talker's background, at once or by fading.
func (b *Buffer) background(fading bool) {
	b.noise.wake()
	from := float32(0)
	if !fading {
		from = 1
		clear(b.fresh[:])
	}
	for i := range b.fresh {
		b.fresh[i] *= 1 - float32(i)/FrameSize
	}
	b.noise.add(b.fresh[:], from, 1)
}

// emit appends the fresh frame to the speech, and joins it to what was made while waiting.
func (b *Buffer) emit(kind Kind) {
	n := b.frames.next
	seg := Segment{Kind: kind, Frame: uint32(n), Out: FrameSize, Start: float64(n * FrameSize), Len: FrameSize}
	x := b.fresh[:]
	if b.state == waiting {
		skip := b.join(x)
		x = x[skip:]
		seg.Out -= skip
		seg.Start += float64(skip)
		seg.Len -= float64(skip)
		b.state = talking
		b.held = 0
		b.resumed = b.end()
	}
	if kind == Concealed {
		b.resumed += int64(len(x))
	}
	copy(b.speech.grow(len(x)), x)
	b.speech.describe(seg)
	b.frames.next++
}

// join fades from the extension and the background into x, where the two are most alike, and returns how
// much of x to leave out for it.
func (b *Buffer) join(x []float32) int {
	var more [alike]float32
	skip, before := 0, b.ext.level
	if b.ext.read(more[:]); before > 0 {
		skip, _ = match(more[:], x[:joinRange+alike], 0)
	}
	b.noise.add(more[:], 1-before, 1-b.ext.level)
	fade(x[skip:skip+overlap], more[:], x[skip:])
	return skip
}

// joinRange is how far around speech and extension are aligned: a pitch period of 100 Hz.
const joinRange = SampleRate / 100

// extended describes n samples of extension last grown.
func (b *Buffer) extended(n int) {
	b.speech.describe(Segment{Kind: Concealed, Frame: uint32(b.frames.next), Out: n, Start: float64(b.frames.next * FrameSize)})
}

// carryOn begins to invent what comes after the speech there is.
func (b *Buffer) carryOn() {
	if b.state == talking {
		b.state = waiting
		b.held = 0
		b.extend(b.heard())
	}
}

// heard is how much speech was not made up since it went on.
func (b *Buffer) heard() int64 { return b.end() - b.resumed }

// extend lets the extension begin after the speech there is, of which so much was heard since the last one.
func (b *Buffer) extend(heard int64) {
	b.ext.begin(b.speech.pcm[b.speech.tail-history:b.speech.tail], heard)
}

// end is when the speech that is ready ends.
func (b *Buffer) end() int64 { return b.pulled + b.elapsed + int64(b.speech.len()) }

// wait carries the speech on for a moment.
func (b *Buffer) wait() {
	b.carryOn()
	if b.held >= waitFor {
		b.finish()
		b.silence()
		return
	}
	before := b.ext.level
	x := b.speech.grow(chunk)
	b.ext.read(x)
	if after := b.ext.level; after < 1 {
		b.noise.wake()
		b.noise.add(x, 1-before, 1-after)
	}
	b.held += chunk
	b.extended(chunk)
}

// finish ends the talkspurt: the speech fades away, the background goes on.
func (b *Buffer) finish() {
	if b.state == talking {
		b.extend(restored)
		x := b.speech.grow(overlap)
		b.ext.read(x)
		for i := range x {
			x[i] *= 1 - float32(i+1)/(overlap+1)
		}
		b.noise.wake()
		b.noise.add(x, 0, 1)
		b.speech.describe(Segment{Kind: ComfortNoise, Frame: uint32(b.frames.next), Out: overlap})
	}
	b.state = idle
	b.held = 0
}

// silence fills the rest of the block, or as much as there is room for.
func (b *Buffer) silence() {
	n := int(b.block - b.elapsed - int64(b.speech.len()))
	n = min(max(n, 1), FrameSize)
	x := b.speech.grow(n)
	clear(x)
	kind := Silence
	if !b.noise.silent() {
		kind = ComfortNoise
		b.noise.add(x, 1, 1)
	}
	b.speech.describe(Segment{Kind: kind, Out: n, Frame: uint32(b.frames.next)})
}

// slack is how far above the wanted delay nothing is done. Below it frames are late already.
const slack = SampleRate * 25 / 10000

const (
	// shortBy is how far below the wanted delay speech is not yet slowed down, 3.5 ms, while there is
	// no queue, of queueOff or 20 ms, that may be growing: a change of the speed is heard more than
	// what it saves.
	shortBy  = SampleRate * 35 / 10000
	queueOff = SampleRate * 20 / 1000
)

// adjust brings the delay nearer to the wanted one by stretching.
//
// Frames are asked for when a block is played, so what counts is the delay at the start
// of the block in which a frame begins; the rest up to the frame, spare, helps nobody.
func (b *Buffer) adjust() {
	if b.speech.count > maxPieces-4 {
		return
	}
	spare := b.spare()
	over := b.delay() - spare - b.aim.delay
	switch {
	case over < -shortBy || over < 0 && b.model.standing() > queueOff:
		b.lengthen(30)
	case b.stalling():
		b.lengthen(40)
	case !b.aligned():
		b.shorten(over-slack, over)
	case over > slack:
		b.shorten(spare+(over-slack)/b.block*b.block, over)
	default:
		b.shorten(spare, 0)
	}
}

// stalling tells whether the network seems to be stuck, for so long that the speech that is
// here will probably not last.
func (b *Buffer) stalling() bool {
	lateness := b.pulled + b.elapsed - (b.frames.announced()+b.frames.stride())*FrameSize - b.model.queue
	if lateness < 2*lateBin {
		return false
	}
	margin := b.delay() - b.spare() - b.model.queue
	return b.model.later(margin) > dryOdds*(b.model.later(lateness)+b.model.lost())
}

// sinceStretch is how much speech was made since it was last stretched.
func (b *Buffer) sinceStretch() int64 {
	return b.end() - b.stretched
}

// shorten takes up to most samples out, in a pause, or a pitch period where speech repeats
// itself. The more the delay is over what is wanted the less it is particular.
func (b *Buffer) shorten(most, over int64) {
	every, need, prefer := int64(300), float32(0.9), float32(-shortLag)
	switch ms := over * 1000 / SampleRate; {
	case ms > 120:
		every, need, prefer = 20, 0.4, shortLag
	case ms > 60:
		every, need = 40, 0.6
	case ms > 30:
		every, need = 80, 0.7
	case ms > 15:
		every, need = 150, 0.8
	}
	if most < SampleRate/1000 {
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
	if b.quiet(x[:most+overlap]) {
		b.speech.cut(0, int(most), overlap)
		return
	}
	if most < minLag || b.sinceStretch() < every*SampleRate/1000 {
		return
	}
	if retry := min(every, 60) * SampleRate / 1000; every > 20 && b.sinceStretch() < b.tried-b.stretched+retry {
		return // no hurry: do not look at each frame
	}
	at, score := match(x, x[minLag:most+alike], prefer)
	if score < need {
		b.tried = b.stretched + b.sinceStretch()
		return
	}
	b.speech.cut(0, minLag+at, overlap)
	b.stretched = b.end()
}

// lengthen puts a pitch period in.
func (b *Buffer) lengthen(every int64) {
	x := b.speech.at(-maxLag)
	if len(x) < maxLag+alike || b.back()+maxLag > b.ceiling() || b.sinceStretch() < every*SampleRate/1000 {
		return
	}
	at, score := match(x[maxLag:], x[:maxLag-minLag+alike], shortLag)
	if score < 0.8 && !b.quiet(x[maxLag:]) {
		return
	}
	lag := maxLag - at
	b.speech.repeat(0, lag, overlap)
	b.stretched = b.end()
}

// quiet tells whether x is a pause.
func (b *Buffer) quiet(x []float32) bool {
	return meanSquare(x) < max(b.loud*0.0003, 1e-8)
}
