package jitter

// player is the playing side of the buffer: it does what decide decides.
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
	noise     noise
}

type state uint8

const (
	idle state = iota
	talking
	waiting
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

// do makes the next piece of speech, or of silence, or goes on with frame to.
func (b *Buffer) do(op operation, to int64) {
	if b.state == idle && op != rest && op != finish { // out of the background
		b.ext.silence()
		b.state, b.held, b.concealed = waiting, 0, 0
		b.frames.skipTo(to)
	}
	switch op {
	case rest:
		b.silence()
	case finish:
		b.frames.skipTo(to)
		b.finish()
		b.silence()
	case drop:
		b.drop(to)
	case wait:
		b.wait()
	case conceal:
		b.lost()
	case play:
		b.decode()
	case slower:
		b.decode()
		b.lengthen()
	case faster:
		b.decode()
		b.shorten()
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
	b.meet()
	if b.dec.Decode(s.data, b.fresh[:]) != nil {
		b.lost()
		return
	}
	s.state = past
	b.hasty = false
	power := meanSquare(b.fresh[:])
	b.loud = max(power, b.loud/fading)
	b.noise.learn(b.fresh[:], power)
	b.concealed = 0
	b.emit(kind)
}

// lost makes something of the next frame, which is not here.
func (b *Buffer) lost() {
	b.stats.Lost++
	b.model.missed()
	after := b.frames.get(b.frames.next + 1)
	fec := after != nil && len(after.data) > 0 && b.dec.HasFEC(after.data)
	over := b.held >= FrameSize // its time is, and what was made up meanwhile is in its place
	if b.state == waiting && b.ext.dec != nil && (over || !fec) {
		b.stand()
		return
	}
	if !over {
		b.meet()
	}
	kind := FEC
	if !fec || b.dec.DecodeFEC(after.data, b.fresh[:]) != nil {
		kind = Concealed
		if b.dec.Conceal(b.fresh[:]) != nil {
			clear(b.fresh[:])
		}
		b.concealed++
		if past := b.concealed - fadeTo/FrameSize; past > 0 {
			b.background(past == 1)
		}
	} else {
		b.concealed = 0
	}
	if over {
		b.ext.met = false
		b.held -= FrameSize
		b.frames.skipTo(b.frames.next + 1)
		return
	}
	b.emit(kind)
}

// stand has what the decoder has made up while the next frame was waited for stand for it, and makes the rest of it.
func (b *Buffer) stand() {
	b.ext.givenUp, b.ext.met = true, false
	b.concealed++
	n := b.frames.next
	b.frames.skipTo(n + 1)
	if b.held >= FrameSize {
		b.held -= FrameSize
		return
	}
	rest := int(FrameSize - b.held)
	b.invent(rest)
	b.speech.describe(Segment{Kind: Concealed, Frame: uint32(n), Out: rest, Start: float64(n*FrameSize + b.held), Len: float64(rest)})
	b.state, b.held = talking, 0
	b.resumed = b.end()
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

// join fades from the extension and the background into x, where the two are most alike within 10 ms, a pitch
// period of 100 Hz, and returns how much of x to leave out for it.
func (b *Buffer) join(x []float32) int {
	e, skip := &b.ext, 0
	if e.before > 0 {
		skip, _ = match(e.more[:], x[:FrameSize/2+alike], 0)
	}
	b.noise.add(e.more[:], 1-e.before, 1-e.level)
	fade(x[skip:skip+tick], e.more[:], x[skip:])
	e.met = false
	return skip
}

// meet prepares the extension, if there is one, for speech that comes.
func (b *Buffer) meet() {
	if b.state == waiting {
		b.ext.meet()
	}
}

// carryOn begins to invent what comes after the speech there is.
func (b *Buffer) carryOn() {
	if b.state == talking {
		b.state = waiting
		b.held = 0
		b.extend(b.rewinder, b.heard())
	}
}

// heard is how much speech was not made up since it went on.
func (b *Buffer) heard() int64 { return b.end() - b.resumed }

// extend lets the extension begin after the speech there is, of which so much was heard since the last one.
func (b *Buffer) extend(dec Rewinder, heard int64) {
	b.ext.begin(dec, b.speech.pcm[b.speech.tail-history:b.speech.tail], heard)
}

// end is when the speech that is ready ends.
func (b *Buffer) end() int64 { return b.pulled + b.elapsed + int64(b.speech.len()) }

// wait carries the speech on for a moment.
func (b *Buffer) wait() {
	b.carryOn()
	b.invent(tick)
	b.held += tick
	b.speech.describe(Segment{Kind: Concealed, Frame: uint32(b.frames.next), Out: tick, Start: float64(b.frames.next * FrameSize)})
}

// invent appends n samples of the extension to the speech, and of the background where that fades.
func (b *Buffer) invent(n int) {
	before := b.ext.level
	x := b.speech.grow(n)
	b.ext.read(x)
	if after := b.ext.level; after < 1 {
		b.noise.wake()
		b.noise.add(x, 1-before, 1-after)
	}
}

// finish ends the talkspurt: the speech fades away, the background goes on.
func (b *Buffer) finish() {
	if b.state == talking {
		b.extend(nil, fadeFrom)
		x := b.speech.grow(tick)
		b.ext.read(x)
		for i := range x {
			x[i] *= 1 - float32(i+1)/(tick+1)
		}
		b.noise.wake()
		b.noise.add(x, 0, 1)
		b.speech.describe(Segment{Kind: ComfortNoise, Frame: uint32(b.frames.next), Out: tick})
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
