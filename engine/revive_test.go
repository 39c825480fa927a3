package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tincan-voice/tincan/audio"
)

var errUnplugged = errors.New("unplugged")

// flaky is a Sink that takes so much sound, then nothing for so long, and then breaks.
type flaky struct {
	takes, waits time.Duration
	closed       chan struct{}
}

func newFlaky(takes, waits time.Duration) *flaky { return &flaky{takes, waits, make(chan struct{})} }

func (*flaky) Live() {}

func (f *flaky) Write(pcm []float32) error {
	wait := time.Duration(len(pcm)) * time.Second / audio.SampleRate
	broken := f.takes < wait
	if broken {
		wait = f.waits
	}
	select {
	case <-f.closed:
	case <-time.After(wait):
	}
	select {
	case <-f.closed:
		return audio.ErrClosed
	default:
	}
	if broken {
		return errUnplugged
	}
	f.takes -= wait
	return nil
}

func (f *flaky) Close() error {
	select {
	case <-f.closed:
	default:
		close(f.closed)
	}
	return nil
}

// What broke is closed, and opened again every second at most, until one is found that sound passes through. Whatever
// was opened is closed, but for that one.
func TestRevive(t *testing.T) {
	const s, ms = time.Second, time.Millisecond
	tests := []struct {
		name  string
		tries []*flaky        // what opening gives; nil: an error, as after the last one
		at    []time.Duration // when it is asked
		works bool
	}{
		{"at once", []*flaky{newFlaky(time.Hour, 0)}, []time.Duration{0}, true},
		{"unplugged for a while", []*flaky{nil, nil, nil, newFlaky(time.Hour, 0)}, []time.Duration{0, s, 2 * s, 3 * s}, true},
		{"suspended for a while", []*flaky{newFlaky(40*ms, 2*s), newFlaky(0, 3*s), newFlaky(time.Hour, 0)},
			[]time.Duration{0, 2*s + 50*ms, 5*s + 60*ms}, true},
		{"breaks at once", []*flaky{newFlaky(0, 0), newFlaky(100*ms, 0), newFlaky(time.Hour, 0)}, []time.Duration{0, s, 2 * s}, true},
		{"never", nil, []time.Duration{0, s, 2 * s, 3 * s, 4 * s, 5 * s, 6 * s, 7 * s, 8 * s, 9 * s}, false},
		{"the call ends in an attempt", []*flaky{newFlaky(0, time.Hour)}, []time.Duration{0}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for _, f := range tt.tries {
					if f != nil {
						f.closed = make(chan struct{}) // of this bubble
					}
				}
				running, stop := context.WithCancelCause(t.Context())
				c := &Call{start: time.Now(), running: running, events: newEventFeed(), listener: NewListener(ListenerConfig{})}
				broken := newFlaky(0, 0)
				c.sink.set(0, broken)
				var at []time.Duration
				c.cfg.ReopenSink = func(context.Context) (audio.Sink, error) {
					at = append(at, c.now())
					if n := len(at); n <= len(tt.tries) && tt.tries[n-1] != nil {
						return tt.tries[n-1], nil
					}
					return nil, errUnplugged
				}
				c.loops.Go(c.playback)
				time.Sleep(9*s + 500*ms)
				works := c.signs.outputErr.Load() == nil
				stop(errLeft) // as Call.run does
				c.sink.end()
				c.loops.Wait()
				if !slices.Equal(at, tt.at) || works != tt.works {
					t.Errorf("asked at %v, works: %v", at, works)
				}
				for i, f := range append(tt.tries, broken) {
					if f != nil && f.Write(nil) != audio.ErrClosed {
						t.Errorf("%d is open", i)
					}
				}
			})
		})
	}
}

// lostAfter is how long a leaky Source stands still before it breaks, as a sound card does.
const lostAfter = 1500 * time.Millisecond

// presence is how much a microphone that breaks now and then has given, and for how long there was none.
type presence struct {
	mu   sync.Mutex
	sum  time.Duration
	last time.Time // when it last gave sound
}

// present is such a microphone until it breaks.
type present struct {
	audio.Source
	was *presence
}

// begin is the microphone from now on.
func (p *presence) begin(s audio.Source) audio.Source {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.last.IsZero() {
		p.sum += time.Since(p.last)
	}
	return &present{s, p}
}

func (s *present) Read(pcm []float32) (n int, err error) {
	n, err = s.Source.Read(pcm)
	s.was.mu.Lock()
	defer s.was.mu.Unlock()
	s.was.sum += time.Duration(n) * time.Second / audio.SampleRate
	s.was.last = time.Now()
	return n, err
}

func (p *presence) time() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sum
}

// leaky is a Source or Sink that works for so many blocks.
type leaky struct {
	audio.Source
	audio.Sink
	blocks int
}

func (*leaky) Live() {}

func (l *leaky) Read(pcm []float32) (int, error) {
	if l.blocks--; l.blocks < 0 {
		time.Sleep(lostAfter)
		return 0, errUnplugged
	}
	return l.Source.Read(pcm)
}

func (l *leaky) Write(pcm []float32) error {
	if l.blocks--; l.blocks < 0 {
		return errUnplugged
	}
	return l.Sink.Write(pcm)
}

func (l *leaky) Close() error {
	if l.Source != nil {
		return l.Source.Close()
	}
	return l.Sink.Close()
}

// thirdTime opens what is not there before it is asked for the third time.
func thirdTime[D any](open func() D) func(context.Context) (D, error) {
	asked := 0
	return func(context.Context) (d D, err error) {
		if asked++; asked%3 != 0 {
			return d, errUnplugged
		}
		return open(), nil
	}
}

// Devices that break again and again are opened again and again: the call goes on in both directions, and each time
// it is said. The numbers of the frames go on as time does.
func TestDevicesAreOpenedAgain(t *testing.T) {
	t.Parallel()
	r := startRelay(t, nil, nil)
	e := &ear{}
	opened := func() *leaky { return &leaky{Sink: audio.PacedSink(e), blocks: 200} }
	ann := join(t, r, Config{Name: "Ann", Source: talk(1), Sink: opened(), ReopenSink: thirdTime(func() audio.Sink { return opened() })})
	was := &presence{}
	mic := func() *leaky { return &leaky{Source: was.begin(talk(2)), blocks: 100} }
	bob := join(t, r, Config{Name: "Bob", Source: mic(), ReopenSource: thirdTime(func() audio.Source { return mic() })})
	for _, tt := range []struct {
		call *Call
		kind FaultKind
	}{{bob, FaultInputFailed}, {ann, FaultOutputFailed}} {
		for i := range 3 {
			await(t, tt.call, fmt.Sprint(tt.kind, i), func(e Event) bool {
				switch e := e.(type) {
				case SourceEnded, SinkFailed:
					t.Errorf("%#v", e)
				case Fault:
					return e.Kind == tt.kind && e.On == (i%2 == 0)
				}
				return false
			})
		}
	}
	e.heard()
	eventually(t, "Bob is heard", func() bool { return e.heard() > 1 })
	least := was.time() // a machine that is busy captures less than there was
	bob.talking.Lock()
	seq, now := time.Duration(bob.sender.Talker().LastSeq())*20*time.Millisecond, bob.now()
	bob.talking.Unlock()
	if seq > now+100*time.Millisecond || seq < least-200*time.Millisecond {
		t.Errorf("frame of %v at %v, want %v at least", seq, now, least)
	}
}

// A Source and a Sink are exchanged in a call, also where there was none, or none any more; what was in use is closed.
func TestSetSourceAndSink(t *testing.T) {
	r := startRelay(t, nil, nil)
	first, e := &closing{Writer: audio.PacedSink(audio.Discard())}, &ear{}
	ann := join(t, r, Config{Name: "Ann", Sink: first})
	bob := join(t, r, Config{Name: "Bob"})
	ann.SetSink(audio.PacedSink(e))
	speaks := func(what string) {
		t.Helper()
		e.heard()
		eventually(t, what, func() bool { return e.heard() > 0.01 })
	}
	bob.SetSource(talk(1))
	speaks("a first Source")
	broken := &closing{Reader: audio.PacedSource(&voiceSource{fail: errUnplugged})}
	bob.SetSource(broken)
	await(t, bob, "the end of what broke", func(e Event) bool { s, ok := e.(SourceEnded); return ok && s.Err == errUnplugged })
	bob.SetSource(talk(2))
	speaks("a Source after one that broke")
	await(t, ann, "Bob is seen to talk", starts)
	bob.SetSource(nil)
	await(t, ann, "silence", func(e Event) bool { p, ok := e.(PeerTalking); return ok && !p.Talking })
	late := &closing{Reader: talk(3)}
	bob.Leave()
	bob.SetSource(late)
	if first.closed == 0 || broken.closed == 0 || late.closed == 0 {
		t.Errorf("closed %d, %d and %d times", first.closed, broken.closed, late.closed)
	}
}
