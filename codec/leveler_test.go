package codec

import (
	"fmt"
	"math"
	"testing"
	"time"

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

// Who is much quieter than who spoke before, or has shouted, is brought to the target all the same. Noise is not, though
// it is taken for voice now and then.
func TestLevelerHearsQuieterSpeech(t *testing.T) {
	speech := synth.Speech(12*SampleRate, 3)
	is := activeLevel(speech)
	for _, first := range []time.Duration{time.Second, 10 * time.Second} {
		for _, drop := range []float64{10, 15, 20, 30} {
			l := NewLeveler(microphone)
			level(l, scaled(speech[:int(first.Seconds())*SampleRate], -6-is))
			level(l, scaled(speech, -6-drop-is))
			want := microphone.Target + 6 + drop
			if math.Abs(l.Gain()-want) > 6 {
				t.Errorf("%.0f dB below what was heard for %v: gain %.1f, want %.1f dB", drop, first, l.Gain(), want)
			}
		}
	}
	l := NewLeveler(microphone)
	level(l, scaled(speech, -20-is))
	before := l.Gain()
	for range 60 { // noise of -60 dBov, of which 0.3 s in 2 are taken for voice
		for range 15 {
			l.Learn(1e-6)
		}
		l.Move(2 * SampleRate)
	}
	if rise := l.Gain() - before; rise > 3 {
		t.Errorf("noise in a pause is raised by %.1f dB", rise)
	}
}

func TestLevelerDoesNotAllocate(t *testing.T) {
	l, pcm := NewLeveler(microphone), synth.Speech(FrameSize, 1)
	if n := testing.AllocsPerRun(100, func() { l.Process(pcm, true) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
