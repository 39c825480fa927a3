// Package calltest makes whole calls: the real engine over a real relay on loopback sockets, in
// one process or in several, with mouths and ears that remember what was said and heard and
// when.
//
//	Mouth ─> engine ─> UDP ─┐                  ┌─> UDP ─> engine ─> Ear
//	                        relay on 127.0.0.1
//	Ear  <─ engine <─ UDP <─┘                  └<─ UDP <─ engine <─ Mouth
//
// Nothing here measures by the wall clock but Delays, and that reports, it does not judge.
package calltest

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/audio"
	"github.com/tincan-voice/tincan/engine"
	"github.com/tincan-voice/tincan/internal/synth"
	"github.com/tincan-voice/tincan/internal/xcorr"
	"github.com/tincan-voice/tincan/relay"
)

// Patience is how long Await and Eventually wait for what has to happen.
const Patience = time.Minute

// StartRelay runs a relay until the test ends, on a free loopback port unless cfg names one, with its
// state in a temporary folder unless cfg names one.
func StartRelay(tb testing.TB, cfg relay.Config) *relay.Server {
	tb.Helper()
	if !cfg.Addr.IsValid() {
		cfg.Addr = netip.MustParseAddrPort("127.0.0.1:0")
	}
	if cfg.StateDir == "" {
		cfg.StateDir = tb.TempDir()
	}
	server, err := relay.Listen(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(context.Background()) }()
	tb.Cleanup(func() {
		if err := server.Close(); err != nil {
			tb.Error(err)
		}
		if err := <-ended; err != nil {
			tb.Error(err)
		}
	})
	return server
}

// Join joins the relay at address until the test ends; without a file of known relays it does so in plain
// JSON.
func Join(tb testing.TB, address, name string, cfg engine.Config) *engine.Call {
	tb.Helper()
	cfg.Address, cfg.Name, cfg.Plaintext = address, name, cfg.KnownRelays == ""
	call, err := engine.Join(context.Background(), cfg)
	if err != nil {
		tb.Fatalf("%s joins: %v", name, err)
	}
	tb.Cleanup(call.Leave)
	return call
}

// Await reads the events of a call until one of type E is as wanted.
func Await[E engine.Event](tb testing.TB, call *engine.Call, what string, want func(E) bool) E {
	tb.Helper()
	late := time.NewTimer(Patience)
	defer late.Stop()
	for {
		select {
		case e, open := <-call.Events():
			if e, ok := e.(E); ok && want(e) {
				return e
			}
			if !open {
				tb.Fatalf("the call ended before: %s (%v)", what, call.Err())
			}
		case <-late.C:
			tb.Fatalf("no event: %s; %+v", what, call.Stats())
		}
	}
}

// Eventually waits until something is so.
func Eventually(tb testing.TB, what string, so func() bool) {
	tb.Helper()
	for end := time.Now().Add(Patience); !so(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			tb.Fatalf("never: %s", what)
		}
	}
}

// Mouth is a paced Source that says pcm once and is then silent.
type Mouth struct {
	audio.Source
	pcm []float32

	mu    sync.Mutex
	at    int
	start time.Time // when the first sample was due
}

// NewMouth returns a Mouth that begins to speak when it is first read.
func NewMouth(pcm []float32) *Mouth {
	m := &Mouth{pcm: pcm}
	m.Source = audio.PacedSource((*mouthPCM)(m))
	return m
}

// Read notes when it begins: with a microphone, the first sample is captured then.
func (m *Mouth) Read(pcm []float32) (int, error) {
	m.mu.Lock()
	if m.start.IsZero() {
		m.start = time.Now()
	}
	m.mu.Unlock()
	return m.Source.Read(pcm)
}

// Done tells whether all has been said.
func (m *Mouth) Done() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.at >= len(m.pcm)
}

// mouthPCM is the unpaced side of a Mouth.
type mouthPCM Mouth

func (m *mouthPCM) Read(pcm []float32) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(pcm)
	m.at += copy(pcm, m.pcm[min(m.at, len(m.pcm)):])
	return len(pcm), nil
}

func (m *mouthPCM) Close() error { return nil }

// Babble returns a paced Source that talks without end; the seed chooses the voice.
func Babble(seed uint64) audio.Source {
	return audio.PacedSource(&babble{pcm: synth.Speech(2*audio.SampleRate, seed)})
}

type babble struct {
	pcm []float32
	at  int
}

func (b *babble) Read(pcm []float32) (int, error) {
	for i := range pcm {
		pcm[i] = b.pcm[b.at]
		b.at = (b.at + 1) % len(b.pcm)
	}
	return len(pcm), nil
}

func (b *babble) Close() error { return nil }

// Ear is a paced Sink that keeps what it hears.
type Ear struct {
	audio.Sink

	mu    sync.Mutex
	pcm   []float32
	start time.Time // when the first sample was played
}

// NewEar returns an Ear that begins to hear when it is first written.
func NewEar() *Ear {
	e := &Ear{}
	e.Sink = audio.PacedSink((*earPCM)(e))
	return e
}

// Heard returns what was heard so far and when that began.
func (e *Ear) Heard() ([]float32, time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]float32(nil), e.pcm...), e.start
}

// earPCM is the unpaced side of an Ear.
type earPCM Ear

func (e *earPCM) Write(pcm []float32) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.start.IsZero() {
		e.start = time.Now()
	}
	e.pcm = append(e.pcm, pcm...)
	return nil
}

func (e *earPCM) Close() error { return nil }

// maxDelay is how late Delays looks for a word, in samples: 2 s.
const maxDelay = 2 * audio.SampleRate

// pad appends silence, so that the last words can be looked for too.
func pad(heard []float32, silence int) []float32 { return append(heard, make([]float32, silence)...) }

// Delays finds what the mouth said in what the ear heard: mouth-to-ear delays, measured
// from the audio, without the sound cards that there are none of here. Delays above
// 2 s are not looked for.
func Delays(m *Mouth, e *Ear) []xcorr.Match {
	heard, hearing := e.Heard()
	m.mu.Lock()
	said, saying := m.pcm, m.start
	m.mu.Unlock()
	ahead := int(saying.Sub(hearing).Seconds() * audio.SampleRate) // of heard before the first word
	if ahead >= 0 {
		heard = heard[min(ahead, len(heard)):]
	} else {
		said = said[min(-ahead, len(said)):]
	}
	return xcorr.Delays(said, pad(heard, maxDelay), xcorr.Config{MaxDelay: maxDelay})
}

// found returns the delays of those windows that were found again, in milliseconds,
// rising, and how many there were.
func found(matches []xcorr.Match) (delays []float64, of int) {
	for _, m := range matches {
		if m.Score > 0.5 {
			delays = append(delays, float64(m.Delay)*1000/audio.SampleRate)
		}
	}
	slices.Sort(delays)
	return delays, len(matches)
}
