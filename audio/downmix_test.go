package audio_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/tincan-voice/tincan/audio"
)

// interleave makes frames of channels.
func interleave(channels ...[]float32) []float32 {
	var pcm []float32
	for i := range channels[0] {
		for _, c := range channels {
			pcm = append(pcm, c[i])
		}
	}
	return pcm
}

// mixed reads a WAV file of the given channels.
func mixed(t *testing.T, extensible bool, channels ...[]float32) []float32 {
	t.Helper()
	file := wellFormed(3, len(channels), 32, 48000, encode(interleave(channels...), 1, 32, true))
	file.extensible = extensible
	pcm, err := audio.ReadWAV(writeFile(t, file.bytes()))
	if err != nil || len(pcm) != len(channels[0]) {
		t.Fatalf("%d samples, error %v", len(pcm), err)
	}
	return pcm
}

// The mix of a voice in one channel, whichever, or in all is as loud as in one.
func TestMixKeepsLevel(t *testing.T) {
	voice := sine(4800, 48000, 400, 0.5)
	quiet := make([]float32, len(voice))
	hiss := sine(len(voice), 48000, 3000, 0.5e-3) // 60 dB below
	for _, count := range []int{1, 2, 3, 6, 8} {
		for _, extensible := range []bool{false, true} {
			for _, rest := range [][]float32{quiet, hiss, voice} {
				for live := range count {
					channels := make([][]float32, count)
					for c := range channels {
						channels[c] = rest
					}
					channels[live] = voice
					if got := power(mixed(t, extensible, channels...)) - power(voice); math.Abs(got) > 0.1 {
						t.Errorf("channel %d of %d: %+.1f dB", live, count, got)
					}
				}
			}
		}
	}
}

// Several who talk by turns, each into a microphone of his own, are as loud as one: half as loud 5 ms after
// the change, full 0.2 s after.
func TestMixFollowsWhoTalks(t *testing.T) {
	const turn = 48000
	channels := make([][]float32, 8)
	for c := range channels {
		channels[c] = make([]float32, 8*turn)
		copy(channels[c][c*turn:], sine(turn, 48000, 400, 0.5))
	}
	got := mixed(t, false, channels...)
	for c := range channels {
		level := func(from, to int) float64 {
			from, to = c*turn+from, c*turn+to
			return power(got[from:to]) - power(channels[c][from:to])
		}
		if early, late := level(240, 9600), level(9600, turn); early < -6.1 || math.Abs(late) > 0.1 {
			t.Errorf("talker %d: %+.1f dB, then %+.1f dB", c, early, late)
		}
	}
}

// Nothing clips: the mix is never above the loudest channel.
func TestMixDoesNotClip(t *testing.T) {
	for _, count := range []int{2, 5, 8} {
		t.Run(fmt.Sprint(count), func(t *testing.T) {
			channels := make([][]float32, count)
			for c := range channels {
				channels[c] = sine(48000, 48000, 100+37*float64(c), 1)
				clear(channels[c][c*4800 : c*4800+2400])
			}
			for i, s := range mixed(t, false, channels...) {
				var most float64
				for _, c := range channels {
					most = max(most, math.Abs(float64(c[i])))
				}
				if math.Abs(float64(s)) > most+1e-6 {
					t.Fatalf("sample %d: %v, loudest %v", i, s, most)
				}
			}
		})
	}
}

// A microphone wired the wrong way does not cancel the other one, whichever of the two is louder.
func TestMixOfOppositeSides(t *testing.T) {
	voice := sine(24000, 48000, 400, 0.5)
	for _, gain := range []float32{-1, -0.8, -1.2} {
		other := make([]float32, len(voice))
		for i, s := range voice {
			other[i] = gain * s
		}
		got := mixed(t, false, voice, other)
		if d := power(got) - power(voice); math.Abs(d) > 2 {
			t.Errorf("times %v: %+.1f dB", gain, d)
		}
		for i := 1; i < len(got); i++ { // it is still a sine
			if step := math.Abs(float64(got[i] - got[i-1])); step > 0.04 {
				t.Fatalf("times %v: a step of %v at sample %d", gain, step, i)
			}
		}
	}
}

// Stereo whose sides differ is their mean, to the last bit.
func TestMixOfStereoIsTheMean(t *testing.T) {
	a, b := sine(9600, 48000, 400, 0.5), sine(9600, 48000, 700, 0.3)
	for i, s := range mixed(t, false, a, b) {
		if want := (a[i] + b[i]) / 2; math.Abs(float64(s-want)) > 1e-7 {
			t.Fatalf("sample %d: %v, want %v", i, s, want)
		}
	}
}
