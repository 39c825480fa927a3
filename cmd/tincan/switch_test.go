package main

import (
	"errors"
	"sync"
	"testing"

	"github.com/tincan-voice/tincan/audio"
	"github.com/tincan-voice/tincan/engine"
)

// fakeDevice gives and takes sound at once, until it is closed; one that hangs does so until then.
type fakeDevice struct {
	hangs  bool
	fails  error
	once   sync.Once
	closed chan struct{}
	passed int
}

func newFakeDevice() *fakeDevice { return &fakeDevice{closed: make(chan struct{})} }

func (*fakeDevice) Live() {}

func (d *fakeDevice) Read(pcm []float32) (int, error) {
	if d.hangs {
		<-d.closed
	}
	select {
	case <-d.closed:
		return 0, audio.ErrClosed
	default:
	}
	d.passed++
	return len(pcm), d.fails
}

func (d *fakeDevice) Write(pcm []float32) error {
	_, err := d.Read(pcm)
	return err
}

func (d *fakeDevice) Close() error {
	d.once.Do(func() { close(d.closed) })
	return nil
}

func (d *fakeDevice) isClosed() bool {
	select {
	case <-d.closed:
		return true
	default:
		return false
	}
}

// A device is exchanged while it is read: what waits for the old one goes on with the new one.
func TestExchange(t *testing.T) {
	old, next, late := newFakeDevice(), newFakeDevice(), newFakeDevice()
	old.hangs = true
	s := &anySource{exchange[audio.Source]{now: old}}
	got := make(chan error)
	go func() {
		_, err := s.Read(make([]float32, 960))
		got <- err
	}()
	if !s.use(next) {
		t.Error("refused")
	}
	if err := <-got; err != nil || !old.isClosed() || next.passed != 1 {
		t.Errorf("%v, old closed %v, the next was read %d times", err, old.isClosed(), next.passed)
	}
	next.fails = errors.New("unplugged")
	if _, err := s.Read(nil); !errors.Is(err, next.fails) {
		t.Errorf("a device that fails: %v", err)
	}
	if err := s.Close(); err != nil || !next.isClosed() {
		t.Errorf("closed: %v, %v", err, next.isClosed())
	}
	if s.use(late) || !late.isClosed() {
		t.Error("a device for a call that has ended is left open")
	}
	sink := &anySink{exchange[audio.Sink]{now: newFakeDevice()}}
	if err := sink.Write(nil); err != nil {
		t.Error(err)
	}
}

// Only devices can be exchanged, not files.
func TestWhatCanBeExchanged(t *testing.T) {
	for _, tt := range []struct {
		in, out      string
		source, sink bool
	}{{"", "", true, true}, {"tone", "heard.wav", false, false}, {"Mic", "none", true, false}} {
		d := &devices{in: tt.in, out: tt.out}
		source, sink := d.hold(newFakeDevice(), newFakeDevice())
		if _, ok := source.(*anySource); ok != tt.source {
			t.Errorf("--in %q: %T", tt.in, source)
		}
		if _, ok := sink.(*anySink); ok != tt.sink {
			t.Errorf("--out %q: %T", tt.out, sink)
		}
		if source, sink := d.hold(nil, nil); source != nil || sink != nil {
			t.Errorf("nothing: %v, %v", source, sink)
		}
	}
	d := &devices{in: "tone", out: "none"}
	if err := d.use("Mic", "none"); !errors.Is(err, errNoSwitch) {
		t.Errorf("a tone: %v", err)
	}
	var cfg engine.Config
	d.exchangeable(&cfg)
	if cfg.ReopenSource != nil || cfg.ReopenSink != nil {
		t.Error("what is no device is opened again")
	}
}
