package codec

import (
	"math"
	"testing"
)

// After music libopus stays in CELT mode, whose comfort-noise updates carry no voice flag.
func TestSilenceAfterMusicIsOneSilence(t *testing.T) {
	enc, err := NewEncoder(EncoderConfig{DTX: true, Bitrate: 64000})
	if err != nil {
		t.Fatal(err)
	}
	pcm, packet := make([]float32, FrameSize), make([]byte, MaxFrameBytes)
	celt := false
	for frame := range 300 {
		clear(pcm)
		if frame < 150 {
			for i := range pcm {
				at := float64(frame*FrameSize+i) / SampleRate
				for _, hz := range []float64{262, 330, 392, 523, 2093, 4186, 9000} {
					pcm[i] += float32(0.08 * math.Sin(2*math.Pi*hz*at))
				}
			}
		}
		n, err := enc.Encode(pcm, packet)
		if err != nil {
			t.Fatal(err)
		}
		celt = celt || n > 0 && packet[0]>>3 >= 16
		if frame >= 165 && n != 0 {
			t.Errorf("frame %d of silence has %d bytes", frame-150, n)
		}
	}
	if !celt {
		t.Error("the music was never coded as music: this tests nothing")
	}
}
