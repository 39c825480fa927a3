package audio_test

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/tincan-voice/tincan/audio"
)

// resample runs all of pcm through in blocks of the given size.
func resample(t testing.TB, pcm []float32, in, out, block int) []float32 {
	t.Helper()
	r, err := audio.NewResampler(in, out)
	if err != nil {
		t.Fatal(err)
	}
	var got []float32
	buf := make([]float32, block)
	drain := func() {
		for {
			n := r.Pull(buf)
			got = append(got, buf[:n]...)
			if n < len(buf) {
				return
			}
		}
	}
	for len(pcm) > 0 {
		n := min(block, len(pcm))
		r.Push(pcm[:n])
		pcm = pcm[n:]
		drain()
	}
	r.Flush()
	drain()
	return got
}

// A tone in the pass band comes out as the same tone at the new rate: same level, no delay, nothing
// beside it.
func TestResamplePassBand(t *testing.T) {
	for _, in := range []int{8000, 11025, 16000, 44100, 48000, 96000, 192000, 44099} {
		for _, pair := range [][2]int{{in, 48000}, {48000, in}} {
			lower := float64(min(in, 48000))
			for _, part := range []float64{0.01, 0.1, 0.25, 0.4, 0.447} {
				hz := part * lower
				got := resample(t, sine(pair[0]/16, pair[0], hz, 0.5), pair[0], pair[1], 960)
				want := sine(len(got), pair[1], hz, 0.5)
				edge := len(got) / 5 // the tone's sudden start and end ring
				err := power(diff(got, want)[edge:len(got)-edge]) - power(want)
				// -60 dB of difference also bounds ripple at 0.01 dB and delay.
				if err > -60 {
					t.Errorf("%d to %d Hz, tone of %.0f Hz: difference %.1f dB", pair[0], pair[1], hz, err)
				}
			}
		}
	}
}

// A tone that the lower rate cannot carry is gone, not folded.
func TestResampleRejectsAliases(t *testing.T) {
	for _, pair := range [][2]int{{96000, 48000}, {192000, 48000}, {88200, 48000}, {48000, 16000}, {48000, 44100}, {48000, 8000}} {
		nyquist := float64(pair[1]) / 2
		for _, hz := range []float64{nyquist * 1.0005, nyquist * 1.03, (nyquist + float64(pair[0])/2) / 2, float64(pair[0]) / 2 * 0.999} {
			got := resample(t, sine(pair[0]/16, pair[0], hz, 0.5), pair[0], pair[1], 960)
			edge := len(got) / 5
			if rejected := power(got[edge:len(got)-edge]) - power([]float32{0.5, 0}); rejected > -70 {
				t.Errorf("%d to %d Hz: %.0f Hz leaves %.1f dB", pair[0], pair[1], hz, rejected)
			}
		}
	}
}

func TestResampleLengthAndBlocks(t *testing.T) {
	for _, rate := range []int{8000, 11025, 44100, 48000, 96000, 192000, 12347} {
		for _, n := range []int{0, 1, 2, 47, 441, 8191} {
			name := fmt.Sprintf("%d samples of %d Hz", n, rate)
			pcm := sine(n, rate, 997, 0.5)
			want := resample(t, pcm, rate, 48000, 100000)
			if length := (n*48000 + rate - 1) / rate; len(want) != length {
				t.Errorf("%s: %d samples, want %d", name, len(want), length)
			}
			for _, block := range []int{1, 7, 960} {
				got := resample(t, pcm, rate, 48000, block)
				if len(got) != len(want) {
					t.Fatalf("%s in blocks of %d: %d samples, want %d", name, block, len(got), len(want))
				}
				for i := range got {
					if got[i] != want[i] {
						t.Fatalf("%s in blocks of %d differ at %d", name, block, i)
					}
				}
			}
			if rate == 48000 {
				for i := range pcm {
					if want[i] != pcm[i] {
						t.Fatalf("%s: changed at equal rates", name)
					}
				}
			}
		}
	}
}

// A click stays where it is in time.
func TestResampleDelayIsCompensated(t *testing.T) {
	for _, rate := range []int{8000, 44100, 96000} {
		pcm := make([]float32, rate/2)
		pcm[rate/4] = 1
		got := resample(t, pcm, rate, 48000, 960)
		best := 0
		for i := range got {
			if got[i] > got[best] {
				best = i
			}
		}
		if best != 12000 {
			t.Errorf("%d Hz: click at sample %d, want 12000", rate, best)
		}
	}
}

func TestResampleRange(t *testing.T) {
	for _, pair := range [][2]int{{0, 48000}, {-1, 48000}, {3999, 48000}, {48000, 384001}, {math.MaxInt, 48000}} {
		if _, err := audio.NewResampler(pair[0], pair[1]); !errors.Is(err, audio.ErrRate) {
			t.Errorf("%d to %d: %v", pair[0], pair[1], err)
		}
	}
}
