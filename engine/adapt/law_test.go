//go:build cgo && !gopus

package adapt

import (
	"testing"

	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/codec/opus"
	"github.com/tincan-voice/tincan/internal/synth"
)

// What the ladder reckons with is what the library makes of a bitrate, whichever it is.
func TestBitratesAreThoseOfTheLibrary(t *testing.T) {
	const frames = 200
	pcm := synth.Speech(frames*codec.FrameSize, 1)
	for _, bitrate := range []int{8000, 12000, 16000, 24000, 40000} {
		for _, wideband := range []bool{false, true} {
			enc, err := opus.NewEncoder(codec.EncoderConfig{Bitrate: bitrate, Wideband: wideband})
			if err != nil {
				t.Fatal(err)
			}
			sum, buf := 0, make([]byte, codec.MaxFrameBytes)
			for i := range frames {
				n, err := enc.Encode(pcm[i*codec.FrameSize:][:codec.FrameSize], buf)
				if err != nil {
					t.Fatal(err)
				}
				sum += n
			}
			if got, want := float64(sum*8*50)/frames, coded(float64(bitrate), wideband); got < 0.93*want || got > 1.07*want {
				t.Errorf("%d bit/s, wideband %v: %.0f bit/s, reckoned with %.0f", bitrate, wideband, got, want)
			}
		}
	}
}
