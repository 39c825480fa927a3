package synth_test

import (
	"slices"
	"testing"

	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/codec/opus"
	"github.com/tincan-voice/tincan/internal/synth"
)

func TestSpeech(t *testing.T) {
	for seed := range uint64(8) {
		pcm := synth.Speech(4*synth.Rate, seed)
		if level := codec.Level(pcm); level < 14 || level > 26 {
			t.Errorf("seed %d: level -%d dBov", seed, level)
		}
		if high := slices.Max(pcm); high > 0.9 {
			t.Errorf("seed %d: peak %v", seed, high)
		}
		var vad codec.VAD
		voiced := 0
		for i := 0; i < len(pcm); i += codec.FrameSize {
			if vad.Voice(pcm[i:][:codec.FrameSize]) {
				voiced++
			}
		}
		if speech := inSpeechMode(t, pcm); speech < 180 {
			t.Errorf("seed %d: Opus codes %d of 200 frames as speech", seed, speech)
		}
		if voiced < 150 {
			t.Errorf("seed %d: %d of 200 frames are taken for a voice", seed, voiced)
		}
		if !slices.Equal(pcm, synth.Speech(4*synth.Rate, seed)) {
			t.Errorf("seed %d: not repeatable", seed)
		}
	}
	if slices.Equal(synth.Speech(1000, 1), synth.Speech(1000, 2)) {
		t.Error("two voices say the same")
	}
}

// inSpeechMode counts the frames that Opus does not code as music: its first byte tells
// (RFC 6716 section 3.1).
func inSpeechMode(t *testing.T, pcm []float32) int {
	enc, err := opus.NewEncoder(codec.EncoderConfig{})
	if err != nil {
		t.Fatal(err)
	}
	frame := make([]byte, codec.MaxFrameBytes)
	count := 0
	for i := 0; i < len(pcm); i += codec.FrameSize {
		if _, err := enc.Encode(pcm[i:][:codec.FrameSize], frame); err != nil {
			t.Fatal(err)
		}
		if frame[0]>>3 < 16 {
			count++
		}
	}
	return count
}

func TestNoise(t *testing.T) {
	if level := codec.Level(synth.Noise(synth.Rate)); level < 9 || level > 11 {
		t.Errorf("level -%d dBov", level)
	}
}
