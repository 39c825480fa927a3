package clean

import (
	"errors"
	"flag"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/audio"
)

// The figures of docs/devices.md:
//
//	go test -tags webrtc ./audio/clean -run TestFigures -v -near ONE.wav -far ANOTHER.wav
//
// with recorded speech of 20 s or more, 48 kHz. With -keep DIR what goes in and comes out is left there as WAV files.
var (
	nearFile = flag.String("near", "", "speech of who is at the microphone")
	farFile  = flag.String("far", "", "speech of who is heard from the loudspeaker")
	keepDir  = flag.String("keep", "", "folder for WAV files")
)

func load(t *testing.T, path string) []float32 {
	t.Helper()
	src, err := audio.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	var pcm []float32
	for block := make([]float32, second); len(pcm) < 20*second; {
		n, err := src.Read(block)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		pcm = append(pcm, block[:n]...)
	}
	return pcm
}

func keep(t *testing.T, name string, pcm []float32) {
	t.Helper()
	if *keepDir == "" {
		return
	}
	if err := os.MkdirAll(*keepDir, 0o777); err != nil {
		t.Fatal(err)
	}
	w, err := audio.CreateWAV(filepath.Join(*keepDir, name+".wav"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Write(pcm), w.Close()); err != nil {
		t.Fatal(err)
	}
}

// hall is what comes of sound in a room with this reverberation time, after so many milliseconds: noise that decays
// exponentially (J. A. Moorer, "About this reverberation business", Computer Music Journal 3(2), 1979), 6 dB below what
// was played, which the loudspeaker has bent (tanh).
func hall(pcm []float32, seconds float64, ms int) []float32 {
	rng := rand.New(rand.NewPCG(1, 2))
	n := int(seconds * second)
	h := make([]float32, n)
	var sum float64
	for i := range h {
		tap := rng.NormFloat64() * math.Pow(10, -3*float64(i)/float64(n))
		h[i], sum = float32(tap), sum+tap*tap
	}
	for i := range h {
		h[i] *= float32(0.5 / math.Sqrt(sum))
	}
	out := make([]float32, len(pcm)+n+ms*second/1000)
	for i, s := range pcm {
		bent := float32(math.Tanh(1.5*float64(s)) / 1.5)
		if bent == 0 {
			continue
		}
		tail := out[i+ms*second/1000:][:n]
		for k, tap := range h {
			tail[k] += bent * tap
		}
	}
	return out[:len(pcm)]
}

func times(pcm []float32, dB float64) []float32 {
	out := make([]float32, len(pcm))
	for i, s := range pcm {
		out[i] = s * float32(math.Pow(10, dB/20))
	}
	return out
}

func TestFigures(t *testing.T) {
	if *nearFile == "" || *farFile == "" {
		t.Skip("needs -near and -far")
	}
	near, far := load(t, *nearFile), load(t, *farFile)
	n := min(len(near), len(far))
	near, far = near[:n], far[:n]
	late := n / 2
	hiss := noise(n, 0.0005)
	for _, room := range []struct {
		seconds  float64
		ms, told int // when the echo comes, and when the devices say that it does
	}{{0.15, 20, 20}, {0.35, 20, 20}, {0.35, 120, 120}, {0.35, 120, 60}} {
		told := time.Duration(room.told) * time.Millisecond
		echo := mixed(hall(far, room.seconds, room.ms), hiss)
		out := run(t, newMic(t, Config{Echo: true}), far, echo, told)
		both := run(t, newMic(t, Config{Echo: true}), far, mixed(echo, near), told)
		all := run(t, newMic(t, All()), far, echo, told)
		t.Logf("room %v s, %d ms, told %d: ERLE of the first 5 s %.1f dB, later %.1f dB, all parts %.1f dB; both talk: near %.1f dBov, in %.1f, out %.1f", room.seconds, room.ms, room.told,
			dB(echo[:5*second])-dB(out[:5*second]), dB(echo[late:])-dB(out[late:]), dB(echo[late:])-dB(all[late:]), dB(near[late:]), dB(mixed(echo, near)[late:]), dB(both[late:]))
		keep(t, "near", near)
		keep(t, "echo", echo)
		keep(t, "echo-cleaned", out)
		keep(t, "echo-all", all)
		keep(t, "both", mixed(echo, near))
		keep(t, "both-cleaned", both)
	}
	rng := rand.New(rand.NewPCG(3, 4))
	fan, low := make([]float32, n), 0.0
	for i := range fan {
		low = 0.97*low + rng.NormFloat64()
		fan[i] = float32(low)
	}
	for _, snr := range []float64{0, 10, 20} {
		in := mixed(near, times(fan, dB(near)-snr-dB(fan)))
		out := run(t, newMic(t, Config{Noise: true}), nil, in, 0)
		keep(t, "fan"+string(rune('0'+int(snr)/10)), in)
		keep(t, "fan"+string(rune('0'+int(snr)/10))+"-cleaned", out)
	}
	for level := -60.0; level <= -6; level += 9 {
		in := times(near, level-dB(near))
		out := run(t, newMic(t, Config{Gain: true}), nil, in, 0)
		t.Logf("level %.0f dBov: comes out at %.1f dBov", level, dB(out[late:]))
	}
}
