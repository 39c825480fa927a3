package audio_test

import (
	"errors"
	"io"
	"math"
	"testing"

	"go.uber.org/goleak"

	"github.com/tincan-voice/tincan/audio"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sine returns n samples of a sine of the given frequency at the given rate.
func sine(n, rate int, hz, amplitude float64) []float32 {
	pcm := make([]float32, n)
	for i := range pcm {
		pcm[i] = float32(amplitude * math.Sin(2*math.Pi*hz*float64(i)/float64(rate)))
	}
	return pcm
}

// power returns the mean power of pcm in dB against full scale squared.
func power(pcm []float32) float64 {
	var sum float64
	for _, s := range pcm {
		sum += float64(s) * float64(s)
	}
	return 10 * math.Log10(sum/float64(len(pcm))+1e-30)
}

func diff(a, b []float32) []float32 {
	d := make([]float32, len(a))
	for i := range d {
		d[i] = a[i] - b[i]
	}
	return d
}

// readAll reads in blocks of an odd size and checks the rules of Source.Read.
func readAll(t *testing.T, src audio.Reader) []float32 {
	t.Helper()
	var all []float32
	block := make([]float32, 333)
	ended := false
	for {
		for i := range block {
			block[i] = 9
		}
		n, err := src.Read(block)
		if errors.Is(err, io.EOF) && n == 0 {
			return all
		}
		if err != nil || n == 0 || ended {
			t.Fatalf("Read: n %d, error %v, after a short block %v", n, err, ended)
		}
		for _, s := range block[n:] {
			if s != 0 {
				t.Fatal("the rest of a short block is not silence")
			}
		}
		ended = n < len(block)
		all = append(all, block[:n]...)
	}
}

func TestTone(t *testing.T) {
	for _, tt := range []struct{ hz, dBov, want float64 }{
		{1000, -20, -20}, {440, -3.01, -3.01}, {440, 0, -3.01}, {3000, -60, -60},
	} {
		src := audio.Tone(tt.hz, tt.dBov)
		pcm := make([]float32, audio.SampleRate)
		half := len(pcm) / 2
		for _, block := range [][]float32{pcm[:half], pcm[half:]} {
			if n, err := src.Read(block); n != len(block) || err != nil {
				t.Fatalf("n %d, error %v", n, err)
			}
		}
		if got := power(pcm); math.Abs(got-tt.want) > 0.02 {
			t.Errorf("%v Hz: %.2f dBov, want %v", tt.hz, got, tt.want)
		}
		want := sine(len(pcm), audio.SampleRate, tt.hz, math.Sqrt2*math.Pow(10, tt.want/20))
		if got := power(diff(pcm, want)); got > tt.want-50 {
			t.Errorf("%v Hz: differs from a sine by %.0f dB", tt.hz, got)
		}
		if err := src.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestDiscard(t *testing.T) {
	pcm := []float32{1, 2, 3}
	dst := audio.Discard()
	if err := dst.Write(pcm); err != nil {
		t.Error(err)
	}
	if err := dst.Close(); err != nil {
		t.Error(err)
	}
}

func TestBlocksDoNotAllocate(t *testing.T) {
	pcm := make([]float32, 960)
	rate, err := audio.NewResampler(44100, 48000)
	if err != nil {
		t.Fatal(err)
	}
	in, out := make([]float32, 882), make([]float32, 1000)
	wav, err := audio.CreateWAV(t.TempDir() + "/out.wav")
	if err != nil {
		t.Fatal(err)
	}
	defer wav.Close()
	tone := audio.Tone(440, -20)
	for name, call := range map[string]func(){
		"Tone":      func() { _, _ = tone.Read(pcm) },
		"WAV":       func() { _ = wav.Write(pcm) },
		"Resampler": func() { rate.Push(in); rate.Pull(out) },
	} {
		if n := testing.AllocsPerRun(200, call); n != 0 {
			t.Errorf("%s: %v allocations per block", name, n)
		}
	}
}

// One operation is 20 ms.
func BenchmarkResampler(b *testing.B) {
	for _, rate := range []int{8000, 44100, 192000} {
		b.Run(map[int]string{8000: "8k", 44100: "44k1", 192000: "192k"}[rate], func(b *testing.B) {
			r, err := audio.NewResampler(rate, audio.SampleRate)
			if err != nil {
				b.Fatal(err)
			}
			in, out := make([]float32, rate/50), make([]float32, 1000)
			b.ReportAllocs()
			for b.Loop() {
				r.Push(in)
				r.Pull(out)
			}
		})
	}
}
