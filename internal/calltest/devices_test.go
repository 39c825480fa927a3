package calltest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/audio"
	"github.com/tincan-voice/tincan/engine"
	"github.com/tincan-voice/tincan/relay"
)

// sixPercent is a Source or Sink that takes its time.
type sixPercent struct{ *stuck }

func (s sixPercent) Write(pcm []float32) error { return s.pass(len(pcm) * 100 / 6) }

func (s sixPercent) Read(pcm []float32) (int, error) {
	if err := s.pass(len(pcm) * 100 / 6); err != nil {
		return 0, err
	}
	return s.stuck.Read(pcm)
}

func TestDevicesAreSlow(t *testing.T) {
	t.Parallel()
	server := StartRelay(t, relay.Config{})
	Join(t, server.Addr().String(), "Dan", engine.Config{Source: Babble(1)})
	ann := Join(t, server.Addr().String(), "Ann", engine.Config{Source: sixPercent{newStuck(nil)}})
	Await(t, ann, "the input is slow", begins(engine.FaultInputSlow, "of the sound that it should"))
	bob := Join(t, server.Addr().String(), "Bob", engine.Config{Sink: sixPercent{newStuck(nil)}})
	Await(t, bob, "the output is slow", begins(engine.FaultOutputSlow, "of the sound that it should"))
}

// A headset that is unplugged and plugged in again is heard again, both ways, and what was wrong is said.
func TestDevicesComeBack(t *testing.T) {
	t.Parallel()
	server := StartRelay(t, relay.Config{})
	dan := Join(t, server.Addr().String(), "Dan", engine.Config{Source: Babble(1)})
	unplugged := errors.New("unplugged")
	plugged := time.Now().Add(3 * time.Second)
	back := func() error {
		if time.Now().Before(plugged) {
			return unplugged
		}
		return nil
	}
	ear := newStuck(nil)
	ann := Join(t, server.Addr().String(), "Ann", engine.Config{
		Source: newStuck(unplugged), Sink: newStuck(unplugged),
		ReopenSource: func(context.Context) (audio.Source, error) { return Babble(2), back() },
		ReopenSink:   func(context.Context) (audio.Sink, error) { return ear, back() },
	})
	on, off := map[engine.FaultKind]bool{}, map[engine.FaultKind]bool{}
	Await(t, ann, "both come back", func(f engine.Fault) bool {
		if f.On {
			on[f.Kind] = true
		} else {
			off[f.Kind] = on[f.Kind]
		}
		return off[engine.FaultInputFailed] && off[engine.FaultOutputFailed]
	})
	Await(t, dan, "Ann talks", talks("Ann"))
	if s := ann.Stats(); len(s.Peers) != 1 || s.Peers[0].Frames == 0 {
		t.Errorf("%+v", s.Peers)
	}
}
