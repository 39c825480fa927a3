//go:build cgo && !gopus

package opus_test

import (
	"slices"
	"testing"

	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/codec/internal/sounds"
	"github.com/tincan-voice/tincan/codec/opus"
)

// A decoder that has gone back decodes as if it had not concealed.
func TestRewind(t *testing.T) {
	frames := encodeAll(t, codec.EncoderConfig{}, sounds.Speech(60))
	dec, straight := newDecoder(t), newDecoder(t)
	back, ok := dec.(codec.Rewinder)
	if ok != opus.Library().DeepPLC {
		t.Fatalf("%v, and it can go back: %v", opus.Library(), ok)
	}
	if !ok {
		t.Skip("only a decoder with deep PLC goes back")
	}
	got, want := make([]float32, codec.FrameSize), make([]float32, codec.FrameSize)
	for i, f := range frames {
		back.Save()
		for range i % 4 {
			if err := back.Conceal(got); err != nil {
				t.Fatal(err)
			}
		}
		back.Rewind()
		if err := back.Decode(f, got); err != nil {
			t.Fatal(err)
		}
		if err := straight.Decode(f, want); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("frame %d is another one", i)
		}
	}
	if n := testing.AllocsPerRun(100, func() { back.Save(); back.Rewind() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
