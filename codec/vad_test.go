package codec_test

import (
	"math"
	"slices"
	"testing"

	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/codec/internal/sounds"
)

// learning is how long the detector takes to learn a background, in frames.
const learning = 80

// voiced runs the detector over pcm and returns its verdict per frame.
func voiced(v *codec.VAD, pcm []float32) []bool {
	verdicts := make([]bool, len(pcm)/codec.FrameSize)
	for i := range verdicts {
		verdicts[i] = v.Voice(sounds.Frame(pcm, i))
	}
	return verdicts
}

func count(verdicts []bool) (n int) {
	for _, v := range verdicts {
		if v {
			n++
		}
	}
	return n
}

func TestVADIgnoresBackground(t *testing.T) {
	const frames = 500 // 10 s
	for name, pcm := range map[string][]float32{
		"silence":     make([]float32, frames*codec.FrameSize),
		"dither":      sounds.Noise(frames, -96, 1),
		"faint noise": sounds.Noise(frames, -70, 2),
		"noise":       sounds.Noise(frames, -45, 3),
		"loud noise":  sounds.Noise(frames, -25, 4),
		"hum":         sounds.Add(sounds.Sine(frames, 50, 0.1), sounds.Noise(frames, -60, 5)),
		"tone":        sounds.Sine(frames, 1000, 0.3),
	} {
		var v codec.VAD
		if n := count(voiced(&v, pcm)[learning+hangOver+1:]); n > frames/50 {
			t.Errorf("%s: %d of %d frames are voice", name, n, frames)
		}
	}
}

func TestVADHearsSpeech(t *testing.T) {
	quiet := make([]float32, 150*codec.FrameSize)
	for name, dBov := range map[string]float64{"silence": -120, "faint noise": -75, "noise 20 dB below": -45} {
		// 3 s of background, 4 s of speech, 3 s of background.
		pcm := slices.Concat(quiet, sounds.Speech(200), quiet)
		pcm = sounds.Add(pcm, sounds.Noise(len(pcm)/codec.FrameSize, dBov, 7))
		var v codec.VAD
		got := voiced(&v, pcm)
		if n := count(got[150:350]); n < 199 {
			t.Errorf("%s: %d of 200 frames of speech are voice", name, n)
		}
		if !got[151] {
			t.Errorf("%s: the first syllable is clipped", name)
		}
		if n := count(got[350+hangOver+5:]); n > 2 {
			t.Errorf("%s: %d frames after the speech are voice", name, n)
		}
	}
	var v codec.VAD
	if got := voiced(&v, sounds.Speech(50)); !got[0] && !got[1] || count(got[2:]) != 48 {
		t.Errorf("a call that starts with speech: %d of 50 frames", count(got))
	}
}

// hangOver is how many frames the voice bit stays on.
const hangOver = 15

func TestVADHangOver(t *testing.T) {
	var v codec.VAD
	voiced(&v, sounds.Noise(200, -60, 8))
	pcm := sounds.Add(sounds.Noise(60, -60, 9), append(sounds.Sine(10, 700, 0.1), make([]float32, 50*codec.FrameSize)...))
	got := voiced(&v, pcm)
	if n := count(got); n < 10+hangOver || n > 12+hangOver {
		t.Errorf("200 ms of sound are voice for %d frames, want %d", n, 10+hangOver)
	}
	if !got[0] || got[30] {
		t.Errorf("begins %v, after 600 ms %v", got[0], got[30])
	}
}

func TestVADAdaptsToAStep(t *testing.T) {
	var v codec.VAD
	voiced(&v, sounds.Noise(200, -70, 10))
	got := voiced(&v, sounds.Noise(400, -30, 11))
	if !got[0] {
		t.Error("a step of 40 dB is not noticed")
	}
	if n := count(got[learning+hangOver+5:]); n > 2 {
		t.Errorf("after it was learned %d frames of the new noise are voice", n)
	}
	got = voiced(&v, append(sounds.Noise(20, -70, 12), sounds.Speech(20)...))
	if n := count(got[20:]); n < 19 {
		t.Errorf("after it is quiet again %d of 20 frames of speech are voice", n)
	}
}

func TestVADSurvivesBadSamples(t *testing.T) {
	bad := make([]float32, codec.FrameSize)
	for i, s := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat32, 1e30} {
		bad[i*100] = float32(s)
	}
	var v codec.VAD
	v.Voice(bad)
	v.Voice(nil)
	voiced(&v, make([]float32, 200*codec.FrameSize))
	if got := voiced(&v, sounds.Speech(50)); count(got) < 49 {
		t.Errorf("%d of 50 frames of speech are voice afterwards", count(got))
	}
}
