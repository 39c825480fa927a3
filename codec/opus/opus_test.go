//go:build cgo || gopus

package opus_test

import (
	"bytes"
	"errors"
	"math"
	"testing"

	"go.uber.org/goleak"

	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/codec/internal/sounds"
	"github.com/tincan-voice/tincan/codec/opus"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// encodeAll encodes pcm and returns its frames; silence is an empty frame.
func encodeAll(t testing.TB, cfg codec.EncoderConfig, pcm []float32) [][]byte {
	t.Helper()
	enc, err := opus.NewEncoder(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var frames [][]byte
	for i := range len(pcm) / codec.FrameSize {
		buf := make([]byte, codec.MaxFrameBytes)
		n, err := enc.Encode(sounds.Frame(pcm, i), buf)
		if err != nil {
			t.Fatalf("frame %d: %v", i, err)
		}
		frames = append(frames, buf[:n])
	}
	return frames
}

func newDecoder(t testing.TB) codec.Decoder {
	t.Helper()
	dec, err := opus.NewDecoder()
	if err != nil {
		t.Fatal(err)
	}
	return dec
}

func TestRoundTripKeepsSpeechAndDelay(t *testing.T) {
	in := sounds.Speech(100)
	out := make([]float32, len(in))
	dec := newDecoder(t)
	sum := 0
	for i, f := range encodeAll(t, codec.EncoderConfig{Bitrate: 32000}, in) {
		if err := dec.Decode(f, sounds.Frame(out, i)); err != nil {
			t.Fatal(err)
		}
		sum += len(f)
	}
	if rate := sum * 8 / 2; rate < 20000 || rate > 40000 {
		t.Errorf("%d bit/s for 32000", rate)
	}
	best, at := math.Inf(-1), 0
	for lag := codec.Lookahead - 60; lag <= codec.Lookahead+60; lag += 4 {
		if r := snr(in[:len(in)-lag], out[lag:]); r > best {
			best, at = r, lag
		}
	}
	if best < 6 {
		t.Errorf("waveform SNR %.1f dB, want 6", best)
	}
	if d := at - codec.Lookahead; d < -24 || d > 24 {
		t.Errorf("delay is %d samples, Lookahead says %d", at, codec.Lookahead)
	}
}

func TestBitrateFollowsConfigure(t *testing.T) {
	pcm := sounds.Speech(100)
	enc, err := opus.NewEncoder(codec.EncoderConfig{})
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, codec.MaxFrameBytes)
	for _, want := range []int{24000, 6000, 40000, 12000} {
		if err := enc.Configure(codec.EncoderConfig{Bitrate: want}); err != nil {
			t.Fatal(err)
		}
		sum := 0
		for i := range 100 {
			n, err := enc.Encode(sounds.Frame(pcm, i), buf)
			if err != nil {
				t.Fatal(err)
			}
			sum += n
		}
		if rate := sum * 8 / 2; float64(rate) < 0.5*float64(want) || float64(rate) > 1.3*float64(want) {
			t.Errorf("%d bit/s for %d", rate, want)
		}
	}
}

// What has been narrowband for want of bits is wideband again as soon as there are enough for it: libopus alone would
// stay narrowband up to 12.5 kbit/s.
func TestComesBackFromNarrowband(t *testing.T) {
	e, err := opus.NewEncoder(codec.EncoderConfig{Bitrate: 8000})
	if err != nil {
		t.Fatal(err)
	}
	pcm, buf := sounds.Speech(100), make([]byte, codec.MaxFrameBytes)
	wideband := func(from int) bool {
		n := 0
		for i := range 50 {
			if n, err = e.Encode(sounds.Frame(pcm, from+i), buf); err != nil || n == 0 {
				t.Fatal(n, err)
			}
		}
		return buf[0]>>3 >= 8 // RFC 6716, table 2
	}
	if wideband(0) {
		t.Error("wideband at 8 kbit/s")
	}
	if err := e.Configure(codec.EncoderConfig{Bitrate: 11000}); err != nil {
		t.Fatal(err)
	}
	if !wideband(50) {
		t.Error("narrowband at 11 kbit/s")
	}
}

func TestARefusedConfigChangesNothing(t *testing.T) {
	bad := codec.EncoderConfig{Bitrate: 1}
	if _, err := opus.NewEncoder(bad); !errors.Is(err, codec.ErrConfig) {
		t.Errorf("NewEncoder: %v, want ErrConfig", err)
	}
	enc, err := opus.NewEncoder(codec.EncoderConfig{FEC: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := enc.Configure(bad); !errors.Is(err, codec.ErrConfig) {
		t.Errorf("Configure: %v, want ErrConfig", err)
	}
	pcm, buf := sounds.Speech(50), make([]byte, codec.MaxFrameBytes)
	for i, want := range encodeAll(t, codec.EncoderConfig{FEC: true}, pcm) {
		n, err := enc.Encode(sounds.Frame(pcm, i), buf)
		if err != nil || !bytes.Equal(buf[:n], want) {
			t.Fatalf("frame %d is another one: %v", i, err)
		}
	}
}

func TestWrongSizesAreErrors(t *testing.T) {
	enc, err := opus.NewEncoder(codec.EncoderConfig{})
	if err != nil {
		t.Fatal(err)
	}
	dec := newDecoder(t)
	valid := encodeAll(t, codec.EncoderConfig{FEC: true}, sounds.Speech(5))[4]
	for _, size := range []int{0, 1, 480, 959, 961, 1920} {
		pcm := make([]float32, size)
		if _, err := enc.Encode(pcm, make([]byte, 100)); !errors.Is(err, codec.ErrFrameSize) {
			t.Errorf("Encode %d samples: %v", size, err)
		}
		if err := dec.Decode(valid, pcm); !errors.Is(err, codec.ErrFrameSize) {
			t.Errorf("Decode %d samples: %v", size, err)
		}
		if err := dec.DecodeFEC(valid, pcm); !errors.Is(err, codec.ErrFrameSize) {
			t.Errorf("DecodeFEC %d samples: %v", size, err)
		}
		if err := dec.Conceal(pcm); !errors.Is(err, codec.ErrFrameSize) {
			t.Errorf("Conceal %d samples: %v", size, err)
		}
	}
	if _, err := enc.Encode(make([]float32, codec.FrameSize), nil); !errors.Is(err, codec.ErrNoSpace) {
		t.Errorf("Encode to nothing: %v", err)
	}
}

// The libraries below look at capacities; a caller's slice of a larger array must
// not be written beyond its length.
func TestNothingIsWrittenBeyondTheLength(t *testing.T) {
	pcm := sounds.Speech(3)
	enc, err := opus.NewEncoder(codec.EncoderConfig{Bitrate: 64000})
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 400)
	for i := range 3 {
		n, err := enc.Encode(sounds.Frame(pcm, i), buf[:20])
		if err != nil || n > 20 {
			t.Fatalf("n %d, error %v", n, err)
		}
	}
	for i, b := range buf[20:] {
		if b != 0 {
			t.Fatalf("byte %d written", 20+i)
		}
	}
	dec := newDecoder(t)
	out := make([]float32, 3*codec.FrameSize)
	for i := range out {
		out[i] = 7
	}
	if err := dec.Decode(encodeAll(t, codec.EncoderConfig{}, pcm)[0], out[:codec.FrameSize]); err != nil {
		t.Fatal(err)
	}
	if err := dec.Conceal(out[:codec.FrameSize]); err != nil {
		t.Fatal(err)
	}
	for i, s := range out[codec.FrameSize:] {
		if s != 7 {
			t.Fatalf("sample %d written", codec.FrameSize+i)
		}
	}
}

func TestDTX(t *testing.T) {
	// 1 s of speech, 3 s of faint room noise, 1 s of speech.
	pcm := sounds.Add(append(append(sounds.Speech(50), make([]float32, 150*codec.FrameSize)...), sounds.Speech(50)...), sounds.Noise(250, -75, 1))
	for _, bitrate := range []int{8000, 24000, 64000} {
		frames := encodeAll(t, codec.EncoderConfig{DTX: true, Bitrate: bitrate}, pcm)
		sent := func(from, to int) (n int) {
			for _, f := range frames[from:to] {
				if len(f) > 0 {
					n++
				}
			}
			return n
		}
		if n := sent(0, 50); n != 50 {
			t.Errorf("%d bit/s: %d of 50 frames of speech sent", bitrate, n)
		}
		// Once silent it stays so: no lone comfort-noise updates.
		if n := sent(70, 200); n != 0 {
			t.Errorf("%d bit/s: %d of 130 frames of silence sent", bitrate, n)
		}
		if n := sent(201, 250); n != 49 {
			t.Errorf("%d bit/s: %d of 49 frames of speech after silence sent", bitrate, n)
		}
		for i, f := range frames {
			if len(f) == 1 || len(f) == 2 {
				t.Errorf("%d bit/s: frame %d has %d bytes", bitrate, i, len(f))
			}
		}
	}
	for i, f := range encodeAll(t, codec.EncoderConfig{}, make([]float32, 50*codec.FrameSize)) {
		if len(f) == 0 {
			t.Fatalf("without DTX frame %d is silence", i)
		}
	}
}

func TestConcealFadesAndRecovers(t *testing.T) {
	frames := encodeAll(t, codec.EncoderConfig{}, sounds.Sine(60, 300, 0.3))
	dec := newDecoder(t)
	pcm := make([]float32, codec.FrameSize)
	if err := dec.Conceal(pcm); err != nil || codec.Level(pcm) != codec.Silent {
		t.Fatalf("before the first frame: error %v, level %d", err, codec.Level(pcm))
	}
	decode := func(i int) {
		t.Helper()
		if err := dec.Decode(frames[i], pcm); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 30 {
		decode(i)
	}
	before := codec.Level(pcm)
	for range 50 {
		if err := dec.Conceal(pcm); err != nil {
			t.Fatal(err)
		}
	}
	if got := codec.Level(pcm); got < before+20 {
		t.Errorf("after 1 s of loss -%d dBov, was -%d", got, before)
	}
	for i := 30; i < 60; i++ {
		decode(i)
	}
	if got := codec.Level(pcm); got > before+1 || got < before-1 {
		t.Errorf("recovered to -%d dBov, was -%d", got, before)
	}
}

// What is no number, or far too loud, costs its own frame only.
func TestBadSamplesDoNotStay(t *testing.T) {
	pcm := sounds.Speech(60)
	for i, s := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat32} {
		pcm[20*codec.FrameSize+100*i] = float32(s)
	}
	dec := newDecoder(t)
	out := make([]float32, codec.FrameSize)
	loudest := uint8(codec.Silent)
	for i, f := range encodeAll(t, codec.EncoderConfig{}, pcm) {
		if err := dec.Decode(f, out); err != nil {
			t.Fatal(err)
		}
		for _, s := range out {
			if s != s || i > 25 && (s > 1 || s < -1) {
				t.Fatalf("frame %d decodes to %v", i, s)
			}
		}
		if i > 25 {
			loudest = min(loudest, codec.Level(out))
		}
	}
	if loudest > 40 {
		t.Error("silence at the end of speech")
	}
}

// snr returns the ratio of signal to the difference from it, in dB.
func snr(signal, got []float32) float64 {
	var s, d float64
	for i := range signal {
		s += float64(signal[i]) * float64(signal[i])
		d += math.Pow(float64(signal[i]-got[i]), 2)
	}
	return 10 * math.Log10(s/d)
}
