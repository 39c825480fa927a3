//go:build cgo && gopus

package opus_test

import (
	"testing"

	"gopkg.in/hraban/opus.v2"

	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/codec/internal/sounds"
)

// The port and libopus decode what the other codes, and hear the same in it.
func TestPortAndLibopusDecodeAlike(t *testing.T) {
	pcm := sounds.Speech(100)
	for _, bitrate := range []int{8000, 12000, 24000, 40000, 64000} {
		enc, err := opus.NewEncoder(codec.SampleRate, 1, opus.AppVoIP)
		if err != nil {
			t.Fatal(err)
		}
		if err := enc.SetBitrate(bitrate); err != nil {
			t.Fatal(err)
		}
		var libopus [][]byte
		for i := range 100 {
			frame := make([]byte, codec.MaxFrameBytes)
			n, err := enc.EncodeFloat32(sounds.Frame(pcm, i), frame)
			if err != nil {
				t.Fatal(err)
			}
			libopus = append(libopus, frame[:n])
		}
		for name, frames := range map[string][][]byte{"libopus": libopus, "port": encodeAll(t, codec.EncoderConfig{Bitrate: bitrate}, pcm)} {
			port := newDecoder(t)
			lib, err := opus.NewDecoder(codec.SampleRate, 1)
			if err != nil {
				t.Fatal(err)
			}
			a, b := make([]float32, len(pcm)), make([]float32, len(pcm))
			for i, f := range frames {
				if err := port.Decode(f, sounds.Frame(a, i)); err != nil {
					t.Fatal(err)
				}
				if _, err := lib.DecodeFloat32(f, sounds.Frame(b, i)); err != nil {
					t.Fatal(err)
				}
			}
			if d := snr(a, b); d < 40 {
				t.Errorf("%d bit/s, coded by the %s: alike to %.0f dB only", bitrate, name, d)
			}
		}
	}
}
