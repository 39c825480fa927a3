package audio_test

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/tincan-voice/tincan/audio"
	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/codec/opus"
)

// What was coded, lost and silent comes back in its place, from where the header says.
func TestOggOpusKeepsItsPlaces(t *testing.T) {
	enc, err := opus.NewEncoder(codec.EncoderConfig{})
	if err != nil {
		t.Skip(err)
	}
	const skip, frame = 500, codec.FrameSize
	var file bytes.Buffer
	o, err := audio.NewOggOpus(&file, 7, skip, "ARTIST=Ann")
	if err != nil {
		t.Fatal(err)
	}
	tone := sine(30*frame, audio.SampleRate, 300, 0.3)
	packet := make([]byte, codec.MaxFrameBytes)
	say := func(from, to int) {
		for i := from; i < to; i++ {
			n, err := enc.Encode(tone[i*frame:][:frame], packet)
			if err != nil {
				t.Fatal(err)
			}
			if err := o.Packet(packet[:n], 1); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := o.Silence(400); err != nil {
		t.Fatal(err)
	}
	say(0, 10)
	if err := o.Lost(packet[0], 2); err != nil {
		t.Fatal(err)
	}
	say(12, 22)
	if err := o.Silence(7); err != nil {
		t.Fatal(err)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "ann.opus")
	if err := os.WriteFile(path, file.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	src, err := audio.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	pcm := readAll(t, src)
	if want := 429*frame - skip; len(pcm) != want {
		t.Fatalf("%d samples, want %d", len(pcm), want)
	}
	// Decoders differ in how soon they are as loud again after a loss: what is silent is far below that.
	for place, want := range map[int]float64{5: -100, 398: -100, 405: -13.5, 418: -13.5, 425: -100} {
		if got := power(pcm[place*frame-skip+codec.Lookahead:][:frame]); math.Abs(got-want) > 8 && !(want < -90 && got < -80) {
			t.Errorf("frame %d: %.0f dB, want %.0f", place, got, want)
		}
	}
}

// What is lost takes 20 ms, also where those before it were of shorter frames.
func TestOggOpusLosesWholeFrames(t *testing.T) {
	for _, toc := range []byte{0x00, 0x08, 0x60, 0x68, 0xe0, 0xe8, 0xf0, 0xf8} { // 10, 20; 10, 20; 2.5, 5, 10, 20 ms
		var file bytes.Buffer
		o, err := audio.NewOggOpus(&file, 7, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := o.Lost(toc, 50); err != nil {
			t.Fatal(err)
		}
		_ = o.Close()
		path := filepath.Join(t.TempDir(), "lost.opus")
		if err := os.WriteFile(path, file.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		src, err := audio.OpenFile(path)
		if errors.Is(err, audio.ErrNoOpus) { // built without cgo
			t.Skip(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		if n := len(readAll(t, src)); n != 50*codec.FrameSize {
			t.Errorf("%#x: %d samples", toc, n)
		}
		src.Close()
	}
}
