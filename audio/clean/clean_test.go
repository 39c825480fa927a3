package clean

import (
	"errors"
	"io"
	"math"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/audio"
	"github.com/tincan-voice/tincan/audio/clean/apm"
	"github.com/tincan-voice/tincan/internal/synth"
)

const second = audio.SampleRate

// tape plays what it has, and keeps what is written.
type tape struct {
	pcm  []float32
	late time.Duration // as a device says
}

// Latency is as audio.Latency has it.
func (t *tape) Latency() time.Duration { return t.late }

func (t *tape) Read(pcm []float32) (int, error) {
	if len(t.pcm) == 0 {
		return 0, io.EOF
	}
	n := copy(pcm, t.pcm)
	t.pcm = t.pcm[n:]
	clear(pcm[n:])
	return n, nil
}

func (t *tape) Write(pcm []float32) error { t.pcm = append(t.pcm, pcm...); return nil }
func (t *tape) Close() error              { return nil }
func (t *tape) Live()                     {}

// run has a microphone cleaned while a loudspeaker plays, in blocks as of a call.
func run(t *testing.T, m *Mic, far, near []float32, late time.Duration) []float32 {
	t.Helper()
	source, sink := m.Source(&tape{pcm: near}), m.Sink(&tape{late: late})
	var out []float32
	for frame := make([]float32, 960); ; {
		for range 2 {
			if len(far) >= 480 {
				_ = sink.Write(far[:480])
				far = far[480:]
			}
		}
		n, err := source.Read(frame)
		if err != nil {
			return out
		}
		out = append(out, frame[:n]...)
	}
}

func dB(pcm []float32) float64 {
	var sum float64
	for _, s := range pcm {
		sum += float64(s) * float64(s)
	}
	return 10 * math.Log10(sum/float64(len(pcm))+1e-12)
}

func newMic(t *testing.T, cfg Config) *Mic {
	t.Helper()
	m, err := New(cfg)
	if !apm.Built && (cfg.Echo || cfg.Noise) {
		if !errors.Is(err, apm.ErrNotBuilt) {
			t.Errorf("not built: %v", err)
		}
		t.Skip("built without webrtc-audio-processing")
	}
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// room is what a microphone hears of a loudspeaker: after delay samples, and with a tail of about 0.1 s.
func room(pcm []float32, delay int) []float32 {
	out := make([]float32, len(pcm))
	for i, s := range pcm {
		for _, tap := range []struct {
			after int
			gain  float32
		}{{0, 0.3}, {97, -0.15}, {431, 0.1}, {1009, -0.06}, {2503, 0.03}, {4801, 0.01}} {
			if j := i + delay + tap.after; j < len(out) {
				out[j] += s * tap.gain
			}
		}
	}
	return out
}

func mixed(a, b []float32) []float32 {
	out := make([]float32, len(a))
	for i := range a {
		out[i] = a[i] + b[i]
	}
	return out
}

func noise(n int, gain float32) []float32 {
	pcm := synth.Noise(n)
	for i := range pcm {
		pcm[i] *= gain
	}
	return pcm
}

// What the loudspeaker plays is gone from what the microphone gives after some seconds, and who speaks there is still
// heard.
func TestEcho(t *testing.T) {
	m := newMic(t, Config{Echo: true})
	far := synth.Speech(12*second, 1)
	echo := mixed(room(far, 960), noise(len(far), 0.001))
	out := run(t, m, far, echo, 20*time.Millisecond)
	if erle := dB(echo[6*second:]) - dB(out[6*second:]); erle < 20 {
		t.Errorf("echo return loss enhancement %.1f dB", erle)
	}
	near := synth.Speech(6*second, 2)
	out = run(t, m, make([]float32, len(near)), near, 0)
	if lost := dB(near) - dB(out); math.Abs(lost) > 1.5 {
		t.Errorf("who speaks alone is %.1f dB quieter", lost)
	}
}

// Who speaks while the loudspeaker plays is heard as well, when the canceller has learnt the echo.
func TestDoubleTalk(t *testing.T) {
	far, near := synth.Speech(12*second, 1), synth.Speech(12*second, 2)
	clear(near[:4*second])
	echo := mixed(room(far, 960), noise(len(far), 0.001))
	out := run(t, newMic(t, Config{Echo: true}), far, mixed(echo, near), 20*time.Millisecond)
	if lost := dB(near[4*second:]) - dB(out[4*second:]); lost > 7 { // it is 5, and 12 at full strength
		t.Errorf("who speaks at the same time is %.1f dB quieter", lost)
	}
}

func TestNoise(t *testing.T) {
	m := newMic(t, Config{Noise: true})
	hiss := noise(8*second, 0.02)
	out := run(t, m, nil, hiss, 0)
	if less := dB(hiss[4*second:]) - dB(out[4*second:]); less < 12 {
		t.Errorf("noise is %.1f dB quieter", less)
	}
}

// Without any part the sound passes unchanged, whatever the size of the blocks, to its end.
func TestNothing(t *testing.T) {
	pcm := synth.Speech(960*10+123, 3)
	src := newMic(t, Config{}).Source(&tape{pcm: pcm})
	var got []float32
	for block := make([]float32, 700); ; {
		n, err := src.Read(block)
		if err != nil {
			break
		}
		got = append(got, block[:n]...)
	}
	if len(got) < len(pcm) {
		t.Fatalf("%d samples of %d", len(got), len(pcm))
	}
	for i, s := range pcm {
		if got[i] != s {
			t.Fatalf("sample %d: %v, was %v", i, got[i], s)
		}
	}
}

// nowhere plays nothing.
type nowhere struct{ audio.Writer }

func (nowhere) Live() {}

func TestMicDoesNotAllocate(t *testing.T) {
	m := newMic(t, All())
	long := synth.Speech(5*second, 1)
	source, sink := m.Source(&tape{pcm: long}), m.Sink(nowhere{audio.Discard()})
	frame := make([]float32, 960)
	if n := testing.AllocsPerRun(100, func() {
		_ = sink.Write(frame)
		_, _ = source.Read(frame)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
