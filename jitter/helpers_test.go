package jitter

import (
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// fakeCodec costs next to nothing and sounds like a held vowel: a 200 Hz wave with overtones, of which
// a frame is a whole number of periods. A frame is its number and nothing else.
type fakeCodec struct {
	fec      bool
	decoded  []uint32 // numbers in the order of decoding, if keep
	keep     bool
	conceals int
}

var errFake = errors.New("fake: bad frame")

var vowel = func() (v [FrameSize]float32) {
	for i := range v {
		t := 2 * math.Pi * 200 * float64(i) / SampleRate
		v[i] = float32(0.1*math.Sin(t) + 0.05*math.Sin(2*t+1) + 0.03*math.Sin(5*t+2))
	}
	return v
}()

func fakeFrame(n uint32) Frame {
	return Frame{Number: n, Data: binary.BigEndian.AppendUint32(nil, n)}
}

func (f *fakeCodec) Decode(frame []byte, pcm []float32) error {
	if len(frame) != 4 {
		return errFake
	}
	if f.keep {
		f.decoded = append(f.decoded, binary.BigEndian.Uint32(frame))
	}
	copy(pcm, vowel[:])
	return nil
}

func (f *fakeCodec) DecodeFEC(_ []byte, pcm []float32) error {
	copy(pcm, vowel[:])
	return nil
}

func (f *fakeCodec) HasFEC([]byte) bool { return f.fec }

func (f *fakeCodec) Conceal(pcm []float32) error {
	f.conceals++
	copy(pcm, vowel[:])
	return nil
}

// datagram is one that arrives at a time.
type datagram struct {
	at     time.Duration
	frames []Frame
}

// call is a talker, a network and a listener in virtual time.
type call struct {
	buffer *Buffer
	codec  *fakeCodec
	block  int
	sent   []datagram
	ends   []ended // in order

	segments []heard
	played   int64
}

// ended is that nothing comes from a frame on, as it is told at a time.
type ended struct {
	at    time.Duration
	frame uint32
}

// heard is a segment and when it was played, in samples since the start.
type heard struct {
	Segment
	at int64
}

func newCall(cfg Config) *call {
	c := &call{codec: &fakeCodec{}, block: 480}
	cfg.Trace = func(s Segment) {
		c.segments = append(c.segments, heard{s, c.played})
		c.played += int64(s.Out)
	}
	c.buffer = New(c.codec, cfg)
	return c
}

// talk sends frames from..to-1, each when it is full; delay says how long each takes, less
// than 0 for never.
func (c *call) talk(from, to int, delay func(n int) time.Duration) {
	for n := from; n < to; n++ {
		if d := delay(n); d >= 0 {
			c.sent = append(c.sent, datagram{time.Duration(n+1)*FrameDuration + d, []Frame{fakeFrame(uint32(n))}})
		}
	}
}

// run plays for d.
func (c *call) run(d time.Duration) {
	slices.SortStableFunc(c.sent, func(a, b datagram) int { return int(a.at - b.at) })
	out := make([]float32, c.block)
	for now := duration(c.played); now < d; now = duration(c.played) {
		for len(c.sent) > 0 && c.sent[0].at <= now {
			c.buffer.Push(c.sent[0].at, c.sent[0].frames)
			c.sent = c.sent[1:]
		}
		for len(c.ends) > 0 && c.ends[0].at <= now {
			c.buffer.End(c.ends[0].at, c.ends[0].frame)
			c.ends = c.ends[1:]
		}
		before := c.played
		c.buffer.Pull(now, out)
		if c.played != before+int64(len(out)) {
			panic("the trace does not add up to the output")
		}
	}
}

// share is the part of the output between two times that is of a kind, of all that is speech.
func (c *call) share(kind Kind, from, to time.Duration) float64 {
	var of, all float64
	for _, s := range c.segments {
		if t := duration(s.at); t < from || t >= to || s.Kind == Silence || s.Kind == ComfortNoise {
			continue
		}
		all += float64(s.Out)
		if s.Kind == kind {
			of += float64(s.Out)
		}
	}
	return of / max(1, all)
}

// delay is the mean from capture to playback of what was decoded between two times, less
// the time that a frame takes to fill.
func (c *call) delay(from, to time.Duration) time.Duration {
	var sum, n float64
	for _, s := range c.segments {
		if t := duration(s.at); t < from || t >= to || s.Len == 0 || s.Kind == Concealed {
			continue
		}
		sum += (float64(s.at) - s.Start - FrameSize) * float64(s.Out)
		n += float64(s.Out)
	}
	return duration(int64(sum / max(1, n)))
}

func steady(d time.Duration) func(int) time.Duration {
	return func(int) time.Duration { return d }
}

// jittered takes d and up to more, in random order.
func jittered(r *rand.Rand, d, more time.Duration) func(int) time.Duration {
	return func(int) time.Duration { return d + time.Duration(r.Int64N(int64(more)+1)) }
}

func wantBelow[T int | int64 | uint64 | float64 | time.Duration](t *testing.T, what string, got, limit T) {
	t.Helper()
	if got > limit {
		t.Errorf("%s is %v, want at most %v", what, got, limit)
	}
}
