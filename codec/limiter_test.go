package codec

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestLimiterPassesQuietSoundBitExact(t *testing.T) {
	pcm := make([]float32, 48000)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range pcm {
		pcm[i] = (rng.Float32()*2 - 1) * limiterThreshold
	}
	want := slices.Clone(pcm)
	l := NewLimiter()
	l.Process(pcm)
	if !slices.Equal(pcm, want) {
		t.Error("sound below the threshold was changed")
	}
}

func TestLimiterStaysInsideFullScale(t *testing.T) {
	for _, block := range []int{1, 7, 48, 480, 960} {
		l := NewLimiter()
		rng := rand.New(rand.NewPCG(3, 4))
		pcm := make([]float32, block)
		for range 20000/block + 1 {
			loud := rng.Float32() * 32
			for i := range pcm {
				pcm[i] = (rng.Float32()*2 - 1) * loud
			}
			l.Process(pcm)
			if p := peak(pcm); !(p <= 1) {
				t.Fatalf("block %d: peak %v", block, p)
			}
		}
	}
}

func TestLimiterGivesTheGainBack(t *testing.T) {
	l := NewLimiter()
	loud := make([]float32, 480)
	for i := range loud {
		loud[i] = 4 * float32(math.Sin(float64(i)/10))
	}
	l.Process(loud)
	if l.gain > 0.25 {
		t.Fatalf("gain %v after a peak of 4", l.gain)
	}
	quiet := make([]float32, 48)
	spans := 0
	for ; l.gain < 1; spans++ {
		l.Process(quiet)
	}
	if spans < 100 || spans > 1000 {
		t.Errorf("gain came back after %d ms, want between 0.1 and 1 s", spans)
	}
}

// A steady loud tone keeps its shape: once the gain has settled nothing is bent.
func TestLimiterDoesNotDistortSteadyTone(t *testing.T) {
	l := NewLimiter()
	worst := 0.0
	for block := range 100 {
		pcm := make([]float32, 480)
		for i := range pcm {
			pcm[i] = 2 * float32(math.Sin(2*math.Pi*1000*float64(block*480+i)/48000))
		}
		l.Process(pcm)
		if block < 10 {
			continue
		}
		for i, s := range pcm {
			want := limiterThreshold * math.Sin(2*math.Pi*1000*float64(block*480+i)/48000)
			worst = max(worst, math.Abs(float64(s)-want))
		}
	}
	if worst > 0.02 {
		t.Errorf("error of %v on a steady tone", worst)
	}
}

func TestLimiterDoesNotAllocate(t *testing.T) {
	l := NewLimiter()
	pcm := make([]float32, 480)
	for i := range pcm {
		pcm[i] = 3
	}
	if n := testing.AllocsPerRun(100, func() { l.Process(pcm) }); n != 0 {
		t.Errorf("%v allocations per block", n)
	}
}
