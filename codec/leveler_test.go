package codec

import (
	"fmt"
	"math"
	"testing"

	"github.com/tincan-voice/tincan/internal/synth"
)

// activeLevel is the level of the speech in pcm, in dBov: of the frames within 15 dB of the loudest ones' mean.
func activeLevel(pcm []float32) float64 {
	var energies []float64
	top := 0.0
	for ; len(pcm) >= FrameSize; pcm = pcm[FrameSize:] {
		var sum float64
		for _, s := range pcm[:FrameSize] {
			sum += float64(s) * float64(s)
		}
		energies = append(energies, sum/FrameSize)
		top = max(top, sum/FrameSize)
	}
	var sum float64
	n := 0
	for _, e := range energies {
		if e > top/100 {
			sum, n = sum+e, n+1
		}
	}
	return 10 * math.Log10(sum/float64(n))
}

func scaled(pcm []float32, dB float64) []float32 {
	out := make([]float32, len(pcm))
	for i, s := range pcm {
		out[i] = s * float32(math.Pow(10, dB/20))
	}
	return out
}

var microphone = LevelerConfig{Target: -23, Boost: 40, Cut: 20, Rate: 20}

func level(l *Leveler, pcm []float32) {
	limit := NewLimiter()
	for ; len(pcm) >= FrameSize; pcm = pcm[FrameSize:] {
		l.Process(pcm[:FrameSize], true)
		limit.Process(pcm[:FrameSize])
	}
}

// Speech of -60 to -6 dBov comes out within 3 dB of the target after 5 s.
func TestLevelerLevels(t *testing.T) {
	speech := synth.Speech(10*SampleRate, 3)
	is := activeLevel(speech)
	for want := -60.0; want <= -6; want += 6 {
		t.Run(fmt.Sprint(want), func(t *testing.T) {
			pcm := scaled(speech, want-is)
			level(NewLeveler(microphone), pcm)
			if got := activeLevel(pcm[5*SampleRate:]); math.Abs(got-microphone.Target) > 3 {
				t.Errorf("comes out at %.1f dBov", got)
			}
		})
	}
}

// Noise and silence move nothing, and neither do speech that is about right, and samples that are no numbers.
func TestLevelerLeavesAlone(t *testing.T) {
	bad := make([]float32, FrameSize)
	bad[7] = float32(math.NaN())
	about := LevelerConfig{Target: -23, Boost: 40, Cut: 20, Rate: 20, Within: 6}
	speech := synth.Speech(5*SampleRate, 3)
	for name, pcm := range map[string][]float32{
		"silence": make([]float32, 5*SampleRate), "no numbers": bad, "about right": scaled(speech, -26-activeLevel(speech)),
	} {
		l := NewLeveler(about)
		level(l, pcm)
		if l.Gain() != 0 {
			t.Errorf("%s: %.1f dB", name, l.Gain())
		}
	}
	l := NewLeveler(microphone)
	level(l, scaled(speech, -40-activeLevel(speech)))
	before := l.Gain()
	level(l, scaled(synth.Noise(20*SampleRate), -40))
	if d := l.Gain() - before; math.Abs(d) > 3 {
		t.Errorf("noise after speech moved the gain by %.1f dB", d)
	}
}

func TestLevelerDoesNotAllocate(t *testing.T) {
	l, pcm := NewLeveler(microphone), synth.Speech(FrameSize, 1)
	if n := testing.AllocsPerRun(100, func() { l.Process(pcm, true) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
