package lab

import (
	"math"
	"time"

	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/engine"
	"github.com/tincan-voice/tincan/jitter"
)

// Expect is of no use here: what is asked for again is not waited for.
func (*textbook) Expect(time.Duration, uint32, time.Duration) {}

// End is of no use here either: what was not sent is lost.
func (*textbook) End(time.Duration, uint32) {}

// newBuffer makes a buffer of that kind.
func newBuffer(kind BufferKind, dec jitter.Decoder, cfg jitter.Config) engine.Buffer {
	if kind == Ours {
		return jitter.New(dec, cfg)
	}
	return &textbook{dec: dec, trace: cfg.Trace, adaptive: kind == RFC3550}
}

// textbook is the jitter buffer to compare with. Frame n is played at a constant time after it
// was captured; what is not there then is concealed, what comes later is thrown away. How long
// that time is is set once, from the first datagram (fixed), or in every pause, from the mean
// delay and four times the jitter of RFC 3550 section 6.4.1, at least 20 ms (adaptive, as in
// Ramjee et al., INFOCOM 1994), by putting in or leaving out whole frames.
type textbook struct {
	dec      jitter.Decoder
	trace    func(jitter.Segment)
	adaptive bool
	stats    jitter.Stats

	slots   [textbookSlots]textbookSlot
	highest int64
	begun   bool

	transit, jitter float64 // ms, of RFC 3550: arrival time less capture time
	last            float64
	aimed           bool    // the fixed offset is known
	offset          float64 // ms: frame n is played at offset + 20 n
	next            int64   // frame to play
	playing         bool
	missing         int // frames concealed in a row
	quiet           bool

	pcm     [codec.FrameSize]float32
	left    int
	segment jitter.Segment
}

const (
	textbookSlots = 64
	textbookFixed = 60.0 // ms
	textbookLeast = 20.0 // ms; before any jitter has been seen, and for the sound card's blocks
	// textbookGivesUp is after how many concealed frames a talkspurt is over.
	textbookGivesUp = 10
	// textbookQuiet is the RMS below which a frame is a pause: -45 dBov.
	textbookQuiet = 0.0056
)

type textbookSlot struct {
	number int64
	full   bool
	copied bool
	data   []byte
}

// Push implements engine.Buffer.
func (b *textbook) Push(now time.Duration, frames []jitter.Frame) {
	newest := int64(frames[0].Number)
	transit := milliseconds(now) - milliseconds(frame)*float64(newest)
	switch {
	case !b.begun:
		b.begun, b.highest, b.next = true, newest, newest
		b.transit, b.last = transit, transit
		b.offset = b.aim()
	default:
		b.jitter += (math.Abs(transit-b.last) - b.jitter) / 16
		b.transit += (transit - b.transit) / 16
		b.last = transit
	}
	before := b.highest
	b.highest = max(b.highest, newest)
	for i, f := range frames {
		n := int64(f.Number)
		s := &b.slots[n%textbookSlots]
		switch {
		case n < b.next:
			b.stats.Late++
		case s.full && s.number == n:
			b.stats.Duplicate++
		case n < b.next+textbookSlots:
			*s = textbookSlot{number: n, full: true, copied: i > 0 && n <= before, data: append(s.data[:0], f.Data...)}
		default: // no room
			b.stats.Dropped++
		}
	}
}

// aim is the offset that the buffer wants.
func (b *textbook) aim() float64 {
	if b.adaptive {
		return b.transit + max(4*b.jitter, textbookLeast)
	}
	if !b.aimed {
		b.aimed = true
		return b.transit + textbookFixed
	}
	return b.offset
}

// Pull implements engine.Buffer.
func (b *textbook) Pull(now time.Duration, out []float32) {
	for len(out) > 0 {
		if b.left == 0 {
			b.step(milliseconds(now), len(out))
		}
		n := min(b.left, len(out))
		copy(out, b.pcm[codec.FrameSize-b.left:][:n])
		if b.trace != nil {
			s := b.segment
			s.Out = n
			if s.Len > 0 {
				s.Start += float64(codec.FrameSize - b.left)
				s.Len = float64(n)
			}
			b.trace(s)
		}
		out = out[n:]
		b.left -= n
		now += time.Duration(n) * time.Second / codec.SampleRate
	}
}

// step makes the next piece of output at now.
func (b *textbook) step(now float64, room int) {
	if !b.playing {
		if !b.begun || b.next > b.highest {
			b.silence(room)
			return
		}
		if b.adaptive {
			b.offset = b.aim()
		}
		// Go to the frame that is due, or wait for it.
		due := int64(math.Ceil((now - b.offset) / milliseconds(frame)))
		if b.next < due {
			b.next = due
		}
		wait := b.offset + milliseconds(frame)*float64(b.next) - now
		if n := int(wait * codec.SampleRate / 1000); n > 0 || b.next > b.highest {
			b.silence(max(1, min(n, room)))
			return
		}
		b.playing, b.missing = true, 0
	}
	if b.quiet && b.adaptive {
		switch more := b.aim() - b.offset; {
		case more > milliseconds(frame):
			b.offset += milliseconds(frame)
			b.silence(codec.FrameSize)
			return
		case more < -milliseconds(frame) && b.next < b.highest:
			b.offset -= milliseconds(frame)
			b.next++
			b.stats.Dropped++
		}
	}
	b.play(room)
}

// play plays the frame that is due, or something in its place.
func (b *textbook) play(room int) {
	s := b.slot(b.next)
	kind := jitter.Decoded
	var err error
	switch following := b.slot(b.next + 1); {
	case s != nil && len(s.data) == 0: // the talkspurt ends
		s.full, b.playing = false, false
		b.next++
		b.silence(room)
		return
	case s != nil:
		if s.copied {
			kind = jitter.Redundant
		}
		err = b.dec.Decode(s.data, b.pcm[:])
		s.full = false
	case following != nil && b.dec.HasFEC(following.data):
		kind = jitter.FEC
		err = b.dec.DecodeFEC(following.data, b.pcm[:])
	default:
		kind = jitter.Concealed
		if b.missing++; b.missing > textbookGivesUp && b.next >= b.highest {
			b.playing = false
			b.silence(room)
			return
		}
		err = b.dec.Conceal(b.pcm[:])
	}
	if kind != jitter.Concealed {
		b.missing = 0
	}
	if err != nil {
		clear(b.pcm[:])
	}
	sum := 0.0
	for _, x := range b.pcm {
		sum += float64(x) * float64(x)
	}
	b.quiet = math.Sqrt(sum/codec.FrameSize) < textbookQuiet
	b.segment = jitter.Segment{Kind: kind, Frame: uint32(b.next), Start: float64(b.next) * codec.FrameSize, Len: codec.FrameSize}
	b.left = codec.FrameSize
	b.next++
}

func (b *textbook) slot(n int64) *textbookSlot {
	if s := &b.slots[n%textbookSlots]; s.full && s.number == n {
		return s
	}
	return nil
}

func (b *textbook) silence(n int) {
	n = min(n, codec.FrameSize)
	clear(b.pcm[codec.FrameSize-n:])
	b.left = n
	b.segment = jitter.Segment{Kind: jitter.Silence, Frame: uint32(b.next)}
}

// Active implements engine.Buffer.
func (b *textbook) Active() bool { return b.playing }

// SetPathDelay implements engine.Buffer; it makes no difference.
func (b *textbook) SetPathDelay(time.Duration) {}

// Stats implements engine.Buffer.
func (b *textbook) Stats() jitter.Stats {
	s := b.stats
	s.Target = fromMilliseconds(b.aim() - b.transit)
	return s
}

func fromMilliseconds(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }
