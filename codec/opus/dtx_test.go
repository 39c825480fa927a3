//go:build cgo || gopus

package opus_test

import (
	"math"
	"testing"

	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/codec/opus"
)

// After music libopus stays in CELT mode, whose comfort-noise updates carry no voice flag.
func TestSilenceAfterMusicIsOneSilence(t *testing.T) {
	enc, err := opus.NewEncoder(codec.EncoderConfig{DTX: true, Bitrate: 64000})
	if err != nil {
		t.Fatal(err)
	}
	pcm, packet := make([]float32, codec.FrameSize), make([]byte, codec.MaxFrameBytes)
	celt := false
	for frame := range 300 {
		clear(pcm)
		if frame < 150 {
			for i := range pcm {
				at := float64(frame*codec.FrameSize+i) / codec.SampleRate
				for _, hz := range []float64{262, 330, 392, 523, 2093, 4186, 9000} {
					pcm[i] += float32(0.08 * math.Sin(2*math.Pi*hz*at))
				}
			}
		}
		n, err := enc.Encode(pcm, packet)
		if err != nil {
			t.Fatal(err)
		}
		celt = celt || n > 0 && codec.IsCELT(packet)
		if frame >= 165 && n != 0 {
			t.Errorf("frame %d of silence has %d bytes", frame-150, n)
		}
	}
	if !celt {
		t.Error("the music was never coded as music: this tests nothing")
	}
}
