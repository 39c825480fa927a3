package jitter

import "time"

const (
	// SampleRate is the rate of all samples, in Hz.
	SampleRate = 48000
	// FrameSize is the number of samples in one frame.
	FrameSize = 960
	// FrameDuration is the length of one frame.
	FrameDuration = 20 * time.Millisecond
)

// Frame is one numbered frame of a talker; empty Data ends a talkspurt. Numbers
// count 20 ms since the talker's session began, silence included, and may wrap.
// It is the same type as the frame of the voice datagrams in netproto.
type Frame = struct {
	Number uint32
	Data   []byte
}

// Decoder is what the buffer asks of a codec: 48 kHz mono, FrameSize samples at a
// time, stateful, so calls come in the order of the frames.
type Decoder interface {
	// Decode decodes a frame into pcm.
	Decode(frame []byte, pcm []float32) error
	// DecodeFEC decodes what frame carries about the frame before it.
	DecodeFEC(frame []byte, pcm []float32) error
	// HasFEC tells whether frame carries anything about the frame before it.
	HasFEC(frame []byte) bool
	// Conceal invents a frame in place of a lost one.
	Conceal(pcm []float32) error
}

// Config says how a Buffer works. The zero value is the good default.
type Config struct {
	// MaxDelay is the hard ceiling of the speech that is held back, 0 = 500 ms.
	// It is raised to 60 ms if it is less.
	MaxDelay time.Duration
	// Trace, if set, is called for each piece of output in order. It must not
	// call the Buffer.
	Trace func(Segment)
}

// Kind says where a piece of output came from.
type Kind uint8

// The kinds of output.
const (
	Silence      Kind = iota // no talkspurt, nothing to fill it
	ComfortNoise             // no talkspurt, the talker's background imitated
	Decoded                  // a frame that came in its own datagram
	Redundant                // a frame that came as a copy in a later datagram
	FEC                      // a lost frame, from what the next one knew of it
	Concealed                // a lost or late frame, invented
)

// Segment is one piece of output: Out samples that play Len samples of the
// talker's time from Start on. Talker time is counted in samples at 48 kHz,
// frame n beginning at n*FrameSize.
type Segment struct {
	Kind       Kind
	Stretched  bool    // Out differs from Len by time-stretching
	Out        int     // samples of output
	Frame      uint32  // number of the frame it came from
	Start, Len float64 // samples of talker time; Len is 0 for silence
}

// Buffer is the jitter buffer of one talker. Use New.
type Buffer struct {
	dec   Decoder
	max   time.Duration
	trace func(Segment)
	stats Stats

	slots   []slot // ring by frame number, a power of two
	highest int64  // highest number received so far, extended beyond 32 bits
	started bool   // highest is known
	model   delayModel

	playing   bool  // in a talkspurt
	next      int64 // number of the next frame to play
	concealed int   // frames concealed in a row

	pcm  [FrameSize]float32
	left int // samples of pcm not yet played
	seg  Segment
}

type slot struct {
	number  int64
	arrival time.Duration
	full    bool
	copied  bool
	data    []byte
}

const (
	defaultMaxDelay = 500 * time.Millisecond
	minMaxDelay     = 60 * time.Millisecond
	// concealFrames is how many frames in a row are concealed before the
	// talkspurt is taken to be over: Opus fades out in about that time.
	concealFrames = 6
)

// New makes a Buffer that decodes with dec, which it has for itself.
func New(dec Decoder, cfg Config) *Buffer {
	if cfg.MaxDelay == 0 {
		cfg.MaxDelay = defaultMaxDelay
	}
	b := &Buffer{dec: dec, max: max(cfg.MaxDelay, minMaxDelay), trace: cfg.Trace}
	size := 16
	for time.Duration(size)*FrameDuration < 2*b.max {
		size *= 2
	}
	b.slots = make([]slot, size)
	return b
}

// Push takes the frames of one datagram that arrived at now, newest first. Their
// data is copied.
func (b *Buffer) Push(now time.Duration, frames []Frame) {
	if len(frames) == 0 {
		return
	}
	newest := b.extend(frames[0].Number)
	if d := newest - b.highest; b.started && (d > int64(resyncAfter) || d < -int64(resyncAfter)) {
		b.reset()
		newest = b.extend(frames[0].Number)
	}
	before := b.highest
	first := !b.started
	if first {
		b.started = true
		b.highest = newest
		b.next = newest
	}
	b.highest = max(b.highest, newest)
	b.model.arrived(now, newest)
	for i, f := range frames {
		n := b.extend(f.Number)
		b.stats.Received++
		if n < b.next {
			if b.playing {
				b.stats.Late++
			}
			continue
		}
		if n-b.next >= int64(len(b.slots)) {
			b.skipTo(n - int64(len(b.slots)) + 1)
		}
		s := &b.slots[n&int64(len(b.slots)-1)]
		if s.full && s.number == n {
			b.stats.Duplicate++
			continue
		}
		s.number, s.arrival, s.full = n, now, true
		s.copied = i > 0 && !first && n < before
		s.data = append(s.data[:0], f.Data...)
	}
	if limit := int64(b.max / FrameDuration); b.playing && b.highest-b.next >= limit {
		b.skipTo(b.highest - limit + 1)
	}
}

// resyncAfter is the step in frame numbers that is taken for a restart: 30 s.
const resyncAfter = 1500

func (b *Buffer) extend(number uint32) int64 {
	if !b.started {
		return int64(number)
	}
	return b.highest + int64(int32(number-uint32(b.highest)))
}

func (b *Buffer) reset() {
	for i := range b.slots {
		b.slots[i].full = false
	}
	b.started, b.playing = false, false
	b.model = delayModel{}
	b.stats.Restarts++
}

func (b *Buffer) skipTo(n int64) {
	for ; b.next < n && b.next+int64(len(b.slots)) > b.next; b.next++ {
		s := &b.slots[b.next&int64(len(b.slots)-1)]
		if s.full && s.number == b.next {
			s.full = false
			b.stats.Dropped++
		}
		if n-b.next > int64(len(b.slots)) {
			b.next = n - int64(len(b.slots))
		}
	}
}

// Pull fills the whole of out with the speech that is heard from now on; now is
// the time at which out[0] is handed to the device.
func (b *Buffer) Pull(now time.Duration, out []float32) {
	for len(out) > 0 {
		if b.left == 0 {
			b.step(now)
		}
		n := min(b.left, len(out))
		copy(out, b.pcm[FrameSize-b.left:][:n])
		out = out[n:]
		if b.trace != nil {
			seg := b.seg
			seg.Out = n
			if seg.Len > 0 {
				seg.Start += float64(FrameSize - b.left)
				seg.Len = float64(n)
			}
			b.trace(seg)
		}
		b.left -= n
		now += time.Duration(n) * time.Second / SampleRate
	}
}

func (b *Buffer) get(n int64) *slot {
	s := &b.slots[n&int64(len(b.slots)-1)]
	if s.full && s.number == n {
		return s
	}
	return nil
}

// step makes the next piece of output.
func (b *Buffer) step(now time.Duration) {
	if !b.playing && !b.begin(now) {
		b.silence(FrameSize / 8)
		return
	}
	if b.concealed > 0 {
		// After a gap, go on where the target is.
		due := b.model.playing(now)
		for b.next < due && b.get(b.next) == nil && b.next < b.highest {
			b.next++
		}
	}
	s := b.get(b.next)
	kind := Concealed
	var err error
	switch following := b.get(b.next + 1); {
	case s != nil && len(s.data) == 0:
		s.full = false
		b.next++
		b.playing = false
		b.silence(FrameSize / 8)
		return
	case s != nil:
		kind = Decoded
		if s.copied {
			kind = Redundant
		}
		err = b.dec.Decode(s.data, b.pcm[:])
		s.full = false
	case following != nil && len(following.data) > 0 && b.dec.HasFEC(following.data):
		kind = FEC
		err = b.dec.DecodeFEC(following.data, b.pcm[:])
	case b.concealed >= concealFrames:
		b.playing = false
		b.silence(FrameSize / 8)
		return
	default:
		err = b.dec.Conceal(b.pcm[:])
	}
	if err != nil {
		clear(b.pcm[:])
		kind = Concealed
	}
	if kind == Concealed {
		b.concealed++
		if b.concealed == concealFrames {
			for i := range b.pcm {
				b.pcm[i] *= 1 - float32(i)/FrameSize
			}
		}
	} else {
		b.concealed = 0
	}
	b.stats.count(kind, FrameSize)
	b.left = FrameSize
	b.seg = Segment{Kind: kind, Frame: uint32(b.next), Start: float64(b.next) * FrameSize, Len: FrameSize}
	b.next++
}

// begin starts a talkspurt when its first frame is due.
func (b *Buffer) begin(now time.Duration) bool {
	if !b.started {
		return false
	}
	due := b.model.playing(now)
	for b.next <= b.highest {
		if s := b.get(b.next); s != nil {
			if len(s.data) > 0 {
				if b.next > due {
					return false
				}
				b.playing = true
				b.concealed = 0
				return true
			}
			s.full = false
		}
		if b.next >= due {
			return false
		}
		b.next++
	}
	return false
}

func (b *Buffer) silence(n int) {
	clear(b.pcm[FrameSize-n:])
	b.left = n
	b.seg = Segment{Kind: Silence, Frame: uint32(b.next)}
	b.stats.count(Silence, n)
}

// Active tells whether the talker is being heard.
func (b *Buffer) Active() bool { return b.playing }
