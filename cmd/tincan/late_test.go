package main

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tincan-voice/tincan/audio"
	"github.com/tincan-voice/tincan/engine"
)

// few is a Source of so many samples.
type few struct{ left int }

func (*few) Live() {}

func (f *few) Read(pcm []float32) (int, error) {
	n := min(f.left, len(pcm))
	if n == 0 {
		return 0, io.EOF
	}
	for i := range n {
		pcm[i] = float32(f.left - i)
	}
	f.left -= n
	return n, nil
}

func (f *few) Close() error { return nil }

func TestLateSourceGivesWhatItOpens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLateSource(func() (audio.Source, error) { time.Sleep(time.Hour); return &few{left: 5}, nil })
		pcm := []float32{9, 9, 9}
		if n, err := l.Read(pcm); n != 3 || err != nil || pcm[0] != 5 || pcm[2] != 3 {
			t.Errorf("%v, %d, %v", pcm, n, err)
		}
		if n, err := l.Read(pcm); n != 2 || err != nil || pcm[0] != 2 || pcm[2] != 0 {
			t.Errorf("%v, %d, %v", pcm, n, err)
		}
		for range 2 { // for ever
			if n, err := l.Read(pcm); n != 0 || err != io.EOF {
				t.Errorf("%d, %v", n, err)
			}
		}
	})
}

func TestLateSourceThatCannotBeOpened(t *testing.T) {
	broken := errors.New("broken")
	l := newLateSource(func() (audio.Source, error) { return nil, broken })
	for range 2 {
		if n, err := l.Read(make([]float32, 3)); n != 0 || err != broken {
			t.Errorf("%d, %v", n, err)
		}
	}
}

func TestLateSourceLetsGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		never := make(chan struct{})
		l := newLateSource(func() (audio.Source, error) { <-never; return nil, io.EOF })
		got := make(chan error)
		go func() {
			_, err := l.Read(make([]float32, 3))
			got <- err
		}()
		synctest.Wait()
		if err := errors.Join(l.Close(), l.Close()); err != nil {
			t.Error(err)
		}
		if err := <-got; err != audio.ErrClosed {
			t.Error(err)
		}
		close(never)
	})
}

func TestFaults(t *testing.T) {
	broken := errors.New("broken")
	long := engine.Stats{Time: startTime, Link: engine.LinkStats{Received: 1}}
	dead, young, mended, away, lost := long, long, long, long, long
	lost.Reconnecting = "no relay runs there"
	dead.Link.Received = 0
	mended.Faults = []engine.FaultStats{{Fault: engine.Fault{Kind: engine.FaultOutputFailed}, Count: 1}}
	away.Faults = []engine.FaultStats{{Fault: engine.Fault{Kind: engine.FaultOutputFailed, On: true, Text: "you hear nobody"}, Count: 1}}
	young.Time, young.Link.Received = startTime-1, 0
	for _, tt := range []struct {
		name      string
		events    []engine.Event
		stats     engine.Stats
		silent    bool
		recording error
		want      string
	}{
		{"good", []engine.Event{engine.SourceEnded{}}, long, false, nil, ""},
		{"came back", nil, mended, false, nil, ""},
		{"did not come back", nil, away, false, nil, "at the end you hear nobody"},
		{"lost", nil, lost, false, nil, "the connection was lost and did not come back: no relay runs there"},
		{"young", nil, young, true, nil, ""},
		{"no UDP", nil, dead, false, nil, "no datagram ever came back"},
		{"silent", nil, long, true, nil, "nothing ever came from the input"},
		{"input", []engine.Event{engine.SourceEnded{Err: broken}}, young, true, nil, "the input failed during the call: broken"},
		{"output", []engine.Event{engine.SinkFailed{Err: broken}}, long, false, nil, "the output failed during the call: broken"},
		{"recording", nil, long, false, broken, "the recording failed: broken"},
	} {
		f := faults{recording: tt.recording}
		for _, e := range tt.events {
			f.note(e)
		}
		err := f.err(tt.stats, tt.silent)
		if (err == nil) != (tt.want == "") || err != nil && !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}
