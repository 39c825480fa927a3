// Package clean makes what a microphone gives fit to be heard: without the echo of one's own loudspeaker, without
// noise, at one level.
//
//	Sink.Write ──> far end ─────────────────┐
//	                                        v
//	microphone ─ echo canceller ─ noise suppression ─ Leveler ─ Limiter ──> Source.Read
//	             └───────── package apm ─────────┘   └─── package codec ───┘
//
// A Mic is put around the devices of a call, at the place where the sound passes anyway: it needs no goroutine and adds
// no delay but the 10 ms of which the echo canceller may keep back a part.
package clean

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/tincan-voice/tincan/audio"
	"github.com/tincan-voice/tincan/audio/clean/apm"
	"github.com/tincan-voice/tincan/codec"
)

// Config says what is done. The zero value does nothing.
type Config struct {
	Echo  bool // takes out what the loudspeaker plays
	Noise bool // makes steady noise quieter: a fan, a street
	Gain  bool // brings speech of -60 to -6 dBov to about -23 dBov
}

// All is everything that this program was built with.
func All() Config { return Config{Echo: apm.Built, Noise: apm.Built, Gain: true} }

// gain is what Gain does: the target is the level at which telephony adjusts speech (ITU-T P.50, P.800: -26 dBov) and 3
// dB more, as the loudness of active speech is measured here.
var gain = codec.LevelerConfig{Target: -23, Boost: 40, Cut: 20, Rate: 20}

// Mic cleans one microphone beside one loudspeaker. Devices may be put in their places one after the other.
type Mic struct {
	cfg       Config
	processor *apm.Processor // nil: neither Echo nor Noise
	level     *codec.Leveler
	limit     codec.Limiter

	source, sink atomic.Int64  // their latencies in nanoseconds
	late         *delay        // nil: no Echo
	told         time.Duration // to the processor: by how much the echo is late; owned by the reader
	strength     suppress      // of the echo canceller; owned by the reader
	anew         atomic.Bool   // there is another device

	near [codec.FrameSize]float32 // owned by the reader
	far  apm.Block                // owned by the writer
	fill int                      // of far

	loud atomic.Uint64 // mean energy that the loudspeaker plays, fading: a float64
}

// New makes a Mic. The error is apm.ErrNotBuilt, where Echo or Noise is wanted and cannot be had.
func New(cfg Config) (*Mic, error) {
	m := &Mic{cfg: cfg, level: codec.NewLeveler(gain), limit: codec.NewLimiter()}
	if cfg.Echo || cfg.Noise {
		var err error
		if m.processor, err = apm.New(cfg.Echo, cfg.Noise); err != nil {
			return nil, err
		}
	}
	if cfg.Echo {
		m.late = newDelay()
	}
	return m, nil
}

// Source is src, cleaned. Close closes src.
func (m *Mic) Source(src audio.Source) audio.Source {
	m.source.Store(int64(audio.Latency(src)))
	m.anew.Store(true)
	return &source{Source: src, mic: m}
}

// Sink is dst, of which the Mic knows what is played. Close closes dst.
func (m *Mic) Sink(dst audio.Sink) audio.Sink {
	m.sink.Store(int64(audio.Latency(dst)))
	m.anew.Store(true)
	return &sink{Sink: dst, mic: m}
}

const (
	// lead is by how much less than the delay the echo canceller is told: it looks back 128 ms from there (its extended
	// filter), and takes what is 100 ms less to 20 ms more than it is (docs/devices.md).
	lead = 50 * time.Millisecond
	// slack is by how much that may change until it is told: it has to learn anew then.
	slack = 45 * time.Millisecond
)

// echo takes a block of the microphone, and has the delay of its echo right.
func (m *Mic) echo(near *apm.Block) {
	if m.anew.Swap(false) {
		m.told = time.Duration(m.source.Load() + m.sink.Load())
		m.strength.anew()
	}
	if late, ok := m.late.heard(near); ok && (late-lead-m.told).Abs() > slack {
		m.told = max(late-lead, 0)
		m.strength.anew()
	}
}

// suppress takes the energies of a block before and after its echo was taken out, and has the canceller gentle while
// somebody talks here.
func (m *Mic) suppress(before, after float64) {
	if gentle, changed := m.strength.heard(before, after, math.Float64frombits(m.loud.Load())); changed {
		m.processor.Gentle(gentle)
	}
}

// clean does one frame, in place.
func (m *Mic) clean(pcm []float32) {
	if m.processor != nil {
		for i := 0; i < len(pcm); i += len(apm.Block{}) {
			near := (*apm.Block)(pcm[i:])
			if m.late != nil {
				m.echo(near)
			}
			before := energy(near[:])
			m.processor.Clean(near, m.told)
			if m.late != nil {
				m.suppress(before, energy(near[:]))
			}
		}
	}
	if m.cfg.Gain {
		m.level.Process(pcm, energy(pcm) > math.Float64frombits(m.loud.Load())) // else it may be what is left of the echo
		m.limit.Process(pcm)
	}
}

// played takes what is given to the loudspeaker.
func (m *Mic) played(pcm []float32) {
	for len(pcm) > 0 {
		n := copy(m.far[m.fill:], pcm)
		m.fill, pcm = m.fill+n, pcm[n:]
		if m.fill < len(m.far) {
			return
		}
		m.fill = 0
		if m.processor != nil {
			if m.late != nil {
				m.late.played(&m.far)
			}
			m.processor.Played(&m.far)
		}
		m.loud.Store(math.Float64bits(max(energy(m.far[:]), fade*math.Float64frombits(m.loud.Load()))))
	}
}

// silent takes for how long the loudspeaker had nothing to play.
func (m *Mic) silent(d time.Duration) {
	for n := int(min(d, time.Second) * audio.SampleRate / time.Second); n > 0; {
		k := min(n, len(nothing))
		m.played(nothing[:k])
		n -= k
	}
}

var nothing apm.Block

// fade is what is left after 10 ms of the loudness of the loudspeaker, for Gain, which learns from nothing quieter: 50
// dB per second, so that an echo that comes 0.2 s later, and is 10 dB quieter, is known as such even where nothing
// takes it out.
const fade = 0.89

// energy is the mean of the squares.
func energy(pcm []float32) float64 {
	var sum float64
	for _, s := range pcm {
		sum += float64(s) * float64(s)
	}
	return sum / float64(len(pcm))
}

// source is a microphone. It is read in frames of codec.FrameSize samples.
type source struct {
	audio.Source
	mic  *Mic
	left []float32 // of mic.near
}

// Read implements audio.Source.
func (s *source) Read(pcm []float32) (n int, err error) {
	for n < len(pcm) {
		if len(s.left) == 0 {
			frame := s.mic.near[:]
			if _, err := s.Source.Read(frame); err != nil {
				clear(pcm[n:])
				return n, endOf(n, err)
			}
			s.mic.clean(frame)
			s.left = frame
		}
		took := copy(pcm[n:], s.left)
		s.left, n = s.left[took:], n+took
	}
	return n, nil
}

// endOf is the error of a Read that has given n samples: it comes with the next one.
func endOf(n int, err error) error {
	if n > 0 {
		return nil
	}
	return err
}

// Latency is that of the device.
func (s *source) Latency() time.Duration { return audio.Latency(s.Source) }

// Missed is that of the device.
func (s *source) Missed() time.Duration { return audio.Missed(s.Source) }

// sink is a loudspeaker.
type sink struct {
	audio.Sink
	mic    *Mic
	missed time.Duration // as far as the Mic knows
}

// Write implements audio.Sink.
func (s *sink) Write(pcm []float32) error {
	missed := audio.Missed(s.Sink)
	s.mic.silent(missed - s.missed)
	s.missed = missed
	s.mic.played(pcm)
	return s.Sink.Write(pcm)
}

// Latency is that of the device.
func (s *sink) Latency() time.Duration { return audio.Latency(s.Sink) }

// Missed is that of the device.
func (s *sink) Missed() time.Duration { return audio.Missed(s.Sink) }
