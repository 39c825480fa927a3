//go:build cgo || gopus

package opus_test

import (
	"errors"
	"testing"

	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/codec/internal/sounds"
)

func seedFrames(f *testing.F) {
	pcm := sounds.Speech(12)
	for _, cfg := range []codec.EncoderConfig{{}, {Bitrate: 6000}, {Bitrate: 64000}, {FEC: true, ExpectedLoss: 20}} {
		for _, frame := range encodeAll(f, cfg, pcm)[10:] {
			f.Add(frame)
		}
	}
	f.Add([]byte{})
	f.Add([]byte{0xff})
	f.Add([]byte{0x4b, 0xc1, 0xff, 0xff, 0x00})
}

// Any bytes: an error or 960 samples, and the decoder works on either way.
func FuzzDecode(f *testing.F) {
	seedFrames(f)
	good := encodeAll(f, codec.EncoderConfig{}, sounds.Speech(1))[0]
	f.Fuzz(func(t *testing.T, data []byte) {
		dec := newDecoder(t)
		pcm := make([]float32, codec.FrameSize)
		for range 2 {
			if err := dec.Decode(data, pcm); err != nil && !errors.Is(err, codec.ErrMalformed) {
				t.Fatalf("Decode: %v", err)
			}
			if err := dec.DecodeFEC(data, pcm); err != nil && !errors.Is(err, codec.ErrMalformed) && !errors.Is(err, codec.ErrNoFEC) {
				t.Fatalf("DecodeFEC: %v", err)
			}
			if err := dec.Conceal(pcm); err != nil {
				t.Fatalf("Conceal: %v", err)
			}
			if err := dec.Decode(good, pcm); err != nil {
				t.Fatalf("a good frame afterwards: %v", err)
			}
		}
	})
}
