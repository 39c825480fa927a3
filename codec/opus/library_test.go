//go:build cgo || gopus

package opus_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/codec/internal/sounds"
	"github.com/tincan-voice/tincan/codec/opus"
)

// What the library says of itself is what speech shows: with deep PLC a concealed frame is another one than without,
// with LACE a good frame is.
func TestLibraryIsWhatItDoes(t *testing.T) {
	lib := opus.Library()
	if !strings.Contains(lib.Name, "opus ") {
		t.Errorf("the library is %q", lib.Name)
	}
	t.Log(lib)
	frames := encodeAll(t, codec.EncoderConfig{Bitrate: 12000, Wideband: true}, sounds.Speech(50))
	decode := func(complexity int) (good, lost []float32) {
		dec, err := opus.NewDecoderWith(codec.DecoderConfig{Complexity: complexity})
		if err != nil {
			t.Fatal(err)
		}
		for i, f := range frames {
			pcm := make([]float32, codec.FrameSize)
			if i%5 == 4 {
				err, lost = dec.Conceal(pcm), append(lost, pcm...)
			} else {
				err, good = dec.Decode(f, pcm), append(good, pcm...)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		return good, lost
	}
	_, plainLost := decode(1)
	good5, lost5 := decode(5)
	good6, _ := decode(0)
	for _, tt := range []struct {
		name string
		has  bool
		a, b []float32
	}{{"deep PLC", lib.DeepPLC, plainLost, lost5}, {"LACE", lib.LACE, good5, good6}} {
		if differs := snr(tt.a, tt.b) < 40; differs != tt.has {
			t.Errorf("%s: %v, but a difference in sound: %v", tt.name, tt.has, differs)
		}
	}
}

func TestDecoderComplexityOutOfRange(t *testing.T) {
	for _, complexity := range []int{-1, 11} {
		if _, err := opus.NewDecoderWith(codec.DecoderConfig{Complexity: complexity}); !errors.Is(err, codec.ErrConfig) {
			t.Errorf("%d: %v, want ErrConfig", complexity, err)
		}
	}
}
