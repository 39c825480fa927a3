package jitter

import (
	"time"

	"github.com/tincan-voice/tincan/netproto/wire"
)

const (
	// SampleRate is the rate of all samples, in Hz.
	SampleRate = 48000
	// FrameSize is the number of samples in one frame.
	FrameSize = 960
	// FrameDuration is the length of one frame.
	FrameDuration = wire.FrameDuration
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

// Rewinder is a Decoder that can go back. The buffer has it conceal while a frame is waited for; with any other it
// carries the pitch on itself then.
type Rewinder interface {
	Decoder
	// Save notes where the decoder is, for Rewind.
	Save()
	// Rewind goes back to where the decoder was at the last Save.
	Rewind()
}

// Config says how a Buffer works. The zero value is the good default.
type Config struct {
	// MaxDelay is the hard ceiling of the speech that is held back, 0 = 500 ms.
	// It is 5 s at most, and at least what one datagram, one frame and one
	// Pull hold: with less, a part of each datagram would have to be thrown away.
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
	Redundant                // a frame that came as a copy or a resend
	FEC                      // a lost frame, from what the next one knew of it
	Concealed                // a lost or late frame, invented
)

// Segment is one piece of output: Out samples that play Len samples of the
// talker's time from Start on. Talker time is counted in samples at 48 kHz,
// frame n beginning at n*FrameSize.
type Segment struct {
	Kind       Kind
	Stretched  bool    // made by time-stretching: Out may differ from Len
	Out        int     // samples of output
	Frame      uint32  // number of the frame it came from
	Start, Len float64 // samples of talker time; Len 0 where none passes
}

// Buffer is the jitter buffer of one talker. Use New.
type Buffer struct {
	dec      Decoder
	rewinder Rewinder // dec, if it is one
	max      int64    // ceiling of the speech held back, in samples
	trace    func(Segment)

	clock  clock
	frames frames
	model  delayModel
	aim    target
	stats  Stats
	clumps clumps
	stale  stale
	came   int64 // the newest frame of the first datagram, of all or since the last End
	absent int64 // from this frame on, up to that, nothing was sent to us
	replay bool  // what comes was said before it was sent to us
	player
}

const (
	defaultMaxDelay = 500 * time.Millisecond
	maxMaxDelay     = 5 * time.Second
)

// New makes a Buffer that decodes with dec, which it has for itself.
func New(dec Decoder, cfg Config) *Buffer {
	if cfg.MaxDelay <= 0 {
		cfg.MaxDelay = defaultMaxDelay
	}
	ceiling := min(cfg.MaxDelay, maxMaxDelay)
	b := &Buffer{dec: dec, max: samples(ceiling), trace: cfg.Trace}
	b.rewinder, _ = dec.(Rewinder)
	b.frames.init(int(ceiling / FrameDuration))
	b.model.reset()
	b.player.init()
	return b
}

// SetPathDelay tells the one-way delay of the network when its queues are empty,
// half the smallest round trip, say. The E-model prices the whole way from mouth to
// ear, so the more of it the network takes the less the buffer should. Until it
// is told, none is assumed.
func (b *Buffer) SetPathDelay(d time.Duration) {
	b.aim.path = samples(min(max(d, 0), 2*time.Second))
}

// Push takes the frames of one datagram that arrived at now, newest first. Their
// data is copied.
func (b *Buffer) Push(now time.Duration, fs []Frame) {
	if len(fs) == 0 {
		return
	}
	t := b.clock.at(now)
	b.follow(t, fs)
	b.frames.step(fs)
	b.model.fill = (b.frames.stride() - 1) * FrameSize
	newest := b.frames.extend(fs[0].Number)
	b.resume(t, fs)
	b.clumps.arrived(t, newest, b.model.floor())
	if !b.replay {
		b.model.begin(t, len(fs[0].Data) > 0)
	}
	way := b.way(t, newest)
	for i := range fs {
		n := b.frames.extend(fs[i].Number)
		if newest-n >= b.frames.stride() {
			b.take(t, n, fs[i].Data, true, along)
		} else {
			b.take(t, n, fs[i].Data, b.frames.expected(n) != 0, way)
		}
	}
	b.holdCeiling()
}

// way tells in what order the datagram comes whose newest frame is n.
func (b *Buffer) way(t, n int64) order {
	switch {
	case n > b.frames.highest:
		return inOrder
	case b.frames.expected(n) == 0 && b.frames.together(t, n):
		return swapped
	}
	return astray
}

// take puts one frame away.
func (b *Buffer) take(t, n int64, data []byte, copied bool, way order) {
	if n < b.frames.origin && n >= b.absent {
		return
	}
	switch b.frames.put(t, n, data, copied, way) {
	case duplicate:
		b.stats.Duplicate++
		return
	case tooOld:
		b.stats.Late++
		return
	case overtaken:
		b.stats.Late++
		b.model.recovered()
		b.hasty = b.hasty || way == inOrder
	}
	if way == swapped || b.replay {
		return
	}
	b.model.arrived(t, n, way)
	// What a frame carries of a lost one before it is as good as that one coming now.
	if n > b.frames.next && len(data) > 0 && !b.frames.known(n-1) && b.dec.HasFEC(data) {
		b.model.arrived(t, n-1, along)
	}
}

// follow notices a talker that started over: its numbers jump, or they go on but at
// another time. Then all is forgotten but the figures.
func (b *Buffer) follow(t int64, fs []Frame) {
	first := fs[run(fs)-1].Number
	if !b.frames.started {
		b.frames.start(first)
		b.came = b.frames.extend(fs[0].Number)
		return
	}
	n := b.frames.extend(fs[0].Number)
	late := t - n*FrameSize - b.model.floor()
	if b.stale.over(t, n < b.frames.next) || max(late, -late) > restartLate {
		b.frames.reset()
		b.frames.start(first)
		b.model.reset()
		b.clumps, b.stale, b.absent = clumps{}, stale{}, 0
		b.player.stop()
		b.stats.Restarts++
	}
}

// restartLate is a step in the delay that is no network's doing: twice the longest that speech can be held back.
var restartLate = samples(2 * maxMaxDelay)

// stale notes since when all datagrams come after their time.
type stale struct {
	on    bool
	since int64
}

// over takes a datagram that came at t and tells whether the talker must have gone back.
func (s *stale) over(t int64, late bool) bool {
	if !late {
		s.on = false
		return false
	}
	if !s.on {
		s.on, s.since = true, t
	}
	return t-s.since > anew
}

// ceiling is the most speech that is held back.
func (b *Buffer) ceiling() int64 {
	return max(b.max, (b.frames.stride()+1)*FrameSize+min(b.block, SampleRate))
}

// back is how much speech is held back. What is invented while waiting is none.
func (b *Buffer) back() int64 {
	held := (b.frames.highest + 1 - b.frames.next) * FrameSize
	if b.state == talking {
		held += int64(b.speech.len())
	}
	return held
}

// longest is how long a frame can be held so that the one after it, and a block, still fit below the ceiling.
func (b *Buffer) longest() int64 { return max(tick, b.ceiling()-FrameSize-b.block) }

// holdCeiling drops the oldest speech while more than the ceiling is held back.
func (b *Buffer) holdCeiling() {
	room := (b.ceiling() - int64(b.speech.len())) / FrameSize
	if least := b.frames.highest + 1 - room; b.frames.next < least {
		b.drop(least)
	}
}

// drop goes on with frame n. What is missing before it is lost, what is here is dropped.
func (b *Buffer) drop(n int64) {
	if b.state != idle {
		oldest, _ := b.frames.first(b.frames.next)
		b.stats.Lost += uint64(min(oldest, n) - b.frames.next)
	}
	b.carryOn()
	b.stats.Dropped += uint64(b.frames.skipTo(n))
}

// Pull fills the whole of out with the speech that is heard from now on; now is
// the time at which out[0] is handed to the device.
func (b *Buffer) Pull(now time.Duration, out []float32) {
	b.pulled = b.clock.at(now)
	b.elapsed = 0
	b.block = int64(len(out))
	b.aim.update(&b.model, b.longest())
	for len(out) > 0 {
		for b.speech.len() == 0 {
			b.do(b.decide())
		}
		n := b.play(out)
		out = out[n:]
		b.elapsed += int64(n)
	}
}

// play moves samples that are ready to out.
func (b *Buffer) play(out []float32) int {
	n := 0
	for n < len(out) && b.speech.len() > 0 {
		s := b.speech.read(out[n:])
		b.stats.count(s)
		if b.trace != nil {
			b.trace(s)
		}
		n += s.Out
	}
	return n
}

// Active tells whether the talker is being heard.
func (b *Buffer) Active() bool { return b.state != idle }
