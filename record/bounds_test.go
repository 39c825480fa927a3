package record

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tincan-voice/tincan/audio"
	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/codec/opus"
)

// However many names come, and however many frames of one, little is held.
func TestBounds(t *testing.T) {
	enc, err := opus.NewEncoder(codec.EncoderConfig{})
	if err != nil {
		t.Skip(err)
	}
	r, err := newRecording(enc, opus.NewDecoder)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 * mostFiles {
		tr, err := r.track(fmt.Sprint("Eve", i))
		if err != nil || tr == nil {
			t.Fatal(err)
		}
		tr.take(0, 1, []byte{0xf8, 0xff, 0xfe})
		if err := r.leave(tr); err != nil || tr.ogg == nil {
			t.Fatal(err)
		}
	}
	if len(r.tracks) != mostFiles {
		t.Errorf("%d tracks", len(r.tracks))
	}
	for i := range 2 * mostTracks {
		_, _ = r.track(fmt.Sprint("Bob", i))
	}
	if len(r.tracks) != mostTracks {
		t.Errorf("%d tracks", len(r.tracks))
	}
	for i := range uint32(10000) {
		r.tracks[0].take(0, i, []byte{1})
	}
	if n := len(r.tracks[0].held); n != mostHeld {
		t.Errorf("%d frames are held", n)
	}
}

// A frame that comes again when it has been written is not new sound.
func TestLateDouble(t *testing.T) {
	again := func(i int, at time.Duration) (time.Duration, bool) { return at + 2*time.Second, i >= 40 }
	files := play(t,
		said{"Ann", 300, 0, time.Second, 1, prompt},
		said{"Ann", 300, 0, time.Second, 1, again},
	)
	if got := onsets(files["Ann"]); len(got) == 0 || got[len(got)-1] > 1050*time.Millisecond {
		t.Errorf("sound at %v", got)
	}
}

// A disk that stands still does not hold up the end of the call.
func TestStopDoesNotWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &Recorder{stop: make(chan struct{}), done: make(chan struct{})}
		if err := r.Stop(); err != ErrStuck { //nolint:errorlint // it is that one
			t.Error(err)
		}
	})
}

func TestFileName(t *testing.T) {
	for name, want := range map[string]string{"Ann": "Ann", "Bob/1": "Bob_1", "nul": "_nul", "COM1": "_COM1", "Con.x": "Con_x", "Connie": "Connie"} {
		if got := fileName(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

// A disk that stands still for 8 s takes nothing from the recording: the frames wait.
func TestDiskThatStandsStill(t *testing.T) {
	r := &Recorder{start: time.Now()}
	enc, err := opus.NewEncoder(codec.EncoderConfig{})
	if err != nil {
		t.Skip(err)
	}
	if r.recording, err = newRecording(enc, opus.NewDecoder); err != nil {
		t.Fatal(err)
	}
	in := &inlet{name: "Ann"}
	r.inlets = append(r.inlets, in)
	packet := make([]byte, codec.MaxFrameBytes)
	tone := audio.Tone(300, -20)
	pcm := make([]float32, codec.FrameSize)
	for i := range 8 * 50 {
		_, _ = tone.Read(pcm)
		n, err := enc.Encode(pcm, packet)
		if err != nil {
			t.Fatal(err)
		}
		in.frames = append(in.frames, heldFrame{uint32(i), time.Duration(i) * frame, slices.Clone(packet[:n])})
	}
	if err := errors.Join(r.collect(), r.recording.end(10*time.Second)); err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string][]byte{"Ann": r.recording.tracks[0].out.Bytes(), "mix": r.recording.mix.out.Bytes()} {
		if got := onsets(sound(t, file)); len(got) != 2 || got[1]-got[0] < 7900*time.Millisecond {
			t.Errorf("%s: sound at %v", name, got)
		}
	}
}
