package main

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/tincan-voice/tincan/audio"
	"github.com/tincan-voice/tincan/engine"
)

// chime is a short sound that tells of something.
type chime []float32

// The sounds: two notes up, two notes down, and one for the microphone, lower when it is off.
var (
	chimeJoin   = newChime(523, 784)
	chimeLeave  = newChime(784, 523)
	chimeMute   = newChime(330)
	chimeUnmute = newChime(494)
)

const (
	// chimeNote is the length of a note.
	chimeNote = 90 * time.Millisecond
	// chimePeak is -26 dBFS: below speech (-23 dBov, as it is levelled), above the noise of a room.
	chimePeak = 0.05
	// chimeAfter is for how long after the first event those are no news who were there before.
	chimeAfter = 2 * time.Second
)

// newChime makes sines of these frequencies, one after the other, each faded in and out (Hann).
func newChime(hertz ...float64) chime {
	n := int(chimeNote * audio.SampleRate / time.Second)
	c := make(chime, 0, n*len(hertz))
	for _, f := range hertz {
		for i := range n {
			fade := (1 - math.Cos(2*math.Pi*float64(i)/float64(n))) / 2
			c = append(c, float32(chimePeak*fade*math.Sin(2*math.Pi*f*float64(i)/audio.SampleRate)))
		}
	}
	return c
}

// chimes has sounds played beside a call. The zero value is ready, and off.
type chimes struct {
	on    bool
	next  atomic.Pointer[chime] // to be begun
	left  chime                 // of the one that is played; owned by the writer of the Sink
	mix   [480]float32          // likewise
	first time.Time             // when the first event came
}

// heard tells of an event, as they come. While a sound waits to be begun others are no news: a whole room may come at
// once.
func (c *chimes) heard(e engine.Event, at time.Time) {
	if c.first.IsZero() {
		c.first = at
	}
	var s *chime
	switch e := e.(type) {
	case engine.PeerJoined:
		s = &chimeJoin
	case engine.PeerLeft:
		s = &chimeLeave
	case engine.Muted:
		s = &chimeUnmute
		if e.Muted {
			s = &chimeMute
		}
	default:
		return
	}
	if c.on && at.Sub(c.first) >= chimeAfter {
		c.next.CompareAndSwap(nil, s)
	}
}

// over has them played by a Sink.
func (c *chimes) over(s audio.Sink) audio.Sink {
	if !c.on || s == nil {
		return s
	}
	return &chimeSink{s, c}
}

type chimeSink struct {
	audio.Sink
	chimes *chimes
}

// Write implements audio.Sink.
func (s *chimeSink) Write(pcm []float32) error {
	c := s.chimes
	for len(pcm) > 0 {
		if len(c.left) == 0 {
			next := c.next.Swap(nil)
			if next == nil {
				return s.Sink.Write(pcm)
			}
			c.left = *next
		}
		n := copy(c.mix[:], pcm)
		for i := range min(n, len(c.left)) {
			c.mix[i] += c.left[i]
		}
		c.left, pcm = c.left[min(n, len(c.left)):], pcm[n:]
		if err := s.Sink.Write(c.mix[:n]); err != nil {
			return err
		}
	}
	return nil
}

// Latency is that of the Sink.
func (s *chimeSink) Latency() time.Duration { return audio.Latency(s.Sink) }

// Missed is that of the Sink.
func (s *chimeSink) Missed() time.Duration { return audio.Missed(s.Sink) }
