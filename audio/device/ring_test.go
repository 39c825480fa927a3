package device

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/tincan-voice/tincan/audio"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ramp returns n samples that count up from first, exact in float32.
func ramp(first, n int) []float32 {
	pcm := make([]float32, n)
	for i := range pcm {
		pcm[i] = float32(first+i) / (1 << 20)
	}
	return pcm
}

func newReader(t testing.TB, rate, channels int) *captureReader {
	t.Helper()
	c, err := newCaptureReader(rate, channels)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func newWriter(t testing.TB, rate, channels int) *playWriter {
	t.Helper()
	p, err := newPlayWriter(rate, channels)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestCaptureFromCallbackToRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newReader(t, 48000, 1)
		var callbacks sync.WaitGroup
		callbacks.Go(func() {
			for i := range 8 { // of a size that does not fit the reader's blocks
				time.Sleep(bufferTime)
				c.ring.callback(ramp(i*500, 500), false)
			}
		})
		var got []float32
		pcm := make([]float32, 960)
		for range 4 {
			if n, err := c.Read(pcm); n != 960 || err != nil {
				t.Fatalf("n %d, error %v", n, err)
			}
			got = append(got, pcm...)
		}
		if !slices.Equal(got, ramp(0, 3840)) {
			t.Error("samples lost or changed on the way")
		}
		callbacks.Wait()
		if want := (Stats{Callbacks: 8}); c.Stats() != want {
			t.Errorf("%+v, want %+v", c.Stats(), want)
		}
	})
}

func TestCaptureBeforeTheFirstReadIsForgotten(t *testing.T) {
	c := newReader(t, 48000, 1)
	c.ring.callback(ramp(0, 9600), false)
	if n := c.ring.read(make([]float32, 960)); n != 0 || c.Stats().Overruns != 0 {
		t.Errorf("%d samples, %+v", n, c.Stats())
	}
}

func TestCaptureOverrunIsCounted(t *testing.T) {
	c := newReader(t, 48000, 1)
	c.ring.reading.Store(true)
	c.ring.callback(ramp(0, 6000), true) // the ring holds 4800
	c.ring.callback(ramp(6000, 100), false)
	if want := (Stats{Callbacks: 2, Overruns: 1300, Host: 1}); c.Stats() != want {
		t.Errorf("%+v, want %+v", c.Stats(), want)
	}
	got := make([]float32, 4800)
	if n, err := c.Read(got); n != 4800 || err != nil || !slices.Equal(got, ramp(0, 4800)) {
		t.Errorf("n %d, error %v, or other samples than the first", n, err)
	}
}

func TestCaptureMixesChannels(t *testing.T) {
	c := newReader(t, 48000, 2)
	c.ring.reading.Store(true)
	c.ring.callback([]float32{1, 0, 0.5, 0.5, -1, 1}, false)
	got := make([]float32, 3)
	if _, err := c.Read(got); err != nil || !slices.Equal(got, []float32{0.5, 0.5, 0}) {
		t.Errorf("%v, error %v", got, err)
	}
}

func TestCaptureResamples(t *testing.T) {
	c := newReader(t, 44100, 1)
	c.ring.reading.Store(true)
	c.ring.callback(slices.Repeat([]float32{0.5}, 4000), false)
	got := make([]float32, 3840)
	if _, err := c.Read(got); err != nil {
		t.Fatal(err)
	}
	for i, s := range got[200:] {
		if s < 0.4999 || s > 0.5001 {
			t.Fatalf("sample %d is %v", i, s)
		}
	}
}

func TestPlaybackFromWriteToCallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newWriter(t, 48000, 2)
		done := make(chan []float32)
		go func() {
			var heard []float32
			out := make([]float32, 2*480)
			for range 10 {
				time.Sleep(bufferTime)
				p.ring.callback(out, false)
				for i := 0; i < len(out); i += 2 {
					if out[i] != out[i+1] {
						t.Error("channels differ")
					}
					heard = append(heard, out[i])
				}
			}
			done <- heard
		}()
		start := time.Now()
		for i := range 5 {
			if err := p.Write(ramp(960*i, 960)); err != nil {
				t.Fatal(err)
			}
			// The first block is all there is to wait for; then each takes its 20 ms.
			if got, want := time.Since(start), time.Duration(i)*20*time.Millisecond; got != want {
				t.Errorf("Write %d returned after %v, want %v", i, got, want)
			}
			if left := p.ring.buffered(); left > 960 {
				t.Errorf("Write %d returned with %d samples left to play", i, left)
			}
		}
		if heard := <-done; !slices.Equal(heard, ramp(0, 4800)) {
			t.Error("samples lost or changed on the way")
		}
		if want := (Stats{Callbacks: 10}); p.Stats() != want {
			t.Errorf("%+v, want %+v", p.Stats(), want)
		}
	})
}

func TestPlaybackUnderrunIsSilenceAndCounted(t *testing.T) {
	p := newWriter(t, 48000, 2)
	out := slices.Repeat([]float32{9}, 2*480)
	p.ring.callback(out, true) // before the first Write: silence, but no underrun
	if slices.Max(out) != 0 || p.Stats() != (Stats{Callbacks: 1, Host: 1}) {
		t.Errorf("at rest: up to %v, %+v", slices.Max(out), p.Stats())
	}
	if err := p.Write([]float32{1, 1, 1}); err != nil {
		t.Fatal(err)
	}
	out = slices.Repeat([]float32{9}, 2*480+1) // an odd end must not be left as it was
	p.ring.callback(out, false)
	if out[5] != 1 || out[6] != 0 || slices.Max(out) != 1 || p.Stats().Underruns != 477 {
		t.Errorf("%v..., %+v", out[:8], p.Stats())
	}
}

func TestPlaybackOfBlocksLargerThanTheRing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newWriter(t, 44100, 1)
		var speaker sync.WaitGroup
		defer speaker.Wait()
		speaker.Go(func() {
			out := make([]float32, 441)
			for range 100 {
				time.Sleep(bufferTime)
				p.ring.callback(out, false)
			}
		})
		start := time.Now()
		if err := p.Write(make([]float32, 24000)); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took < 470*time.Millisecond || took > 490*time.Millisecond {
			t.Errorf("half a second took %v", took)
		}
	})
}

func TestCloseEndsWhatIsPending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newReader(t, 48000, 1), newWriter(t, 48000, 1)
		ended := make(chan error)
		go func() { _, err := c.Read(make([]float32, 960)); ended <- err }()
		go func() { ended <- p.Write(make([]float32, 96000)) }()
		time.Sleep(time.Second)
		start := time.Now()
		c.wait.end(audio.ErrClosed)
		if !p.end() || p.end() {
			t.Error("end does not tell the first call")
		}
		if err := errors.Join(<-ended, <-ended); !errors.Is(err, audio.ErrClosed) || errors.Is(err, ErrDeviceLost) {
			t.Errorf("pending calls ended with %v", err)
		}
		if took := time.Since(start); took > drainTime {
			t.Errorf("took %v", took)
		}
		if _, err := c.Read(make([]float32, 1)); !errors.Is(err, audio.ErrClosed) {
			t.Errorf("Read after Close: %v", err)
		}
		if err := p.Write(make([]float32, 1)); !errors.Is(err, audio.ErrClosed) {
			t.Errorf("Write after Close: %v", err)
		}
	})
}

func TestEndPlaysTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newWriter(t, 48000, 1)
		if err := p.Write(ramp(1, 960)); err != nil {
			t.Fatal(err)
		}
		var speaker sync.WaitGroup
		defer speaker.Wait()
		speaker.Go(func() {
			for range 2 {
				time.Sleep(bufferTime)
				p.ring.callback(make([]float32, 480), false)
			}
		})
		start := time.Now()
		p.end()
		if took := time.Since(start); took != 2*bufferTime || p.ring.buffered() != 0 {
			t.Errorf("took %v, %d samples left", took, p.ring.buffered())
		}
	})
}

func TestALostDeviceIsToldOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newReader(t, 48000, 1), newWriter(t, 48000, 1)
		if _, err := c.Read(make([]float32, 960)); !errors.Is(err, ErrDeviceLost) {
			t.Errorf("Read: %v", err)
		}
		if err := p.Write(make([]float32, 9600)); !errors.Is(err, ErrDeviceLost) {
			t.Errorf("Write: %v", err)
		}
	})
}

// Both sides at once, as fast as they can: playback loses nothing, capture loses nothing that it does
// not count, and the race detector is content.
func TestBothSidesAtOnce(t *testing.T) {
	const blocks = 100
	p, c := newWriter(t, 48000, 1), newReader(t, 48000, 1)
	c.ring.reading.Store(true)
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range blocks {
			if err := p.Write(ramp(1+960*i, 960)); err != nil {
				t.Error(err)
			}
		}
	})
	recorded := make(chan struct{})
	wg.Go(func() { // the sound system
		defer close(recorded)
		pcm := make([]float32, 480)
		for next := 1; next <= blocks*960; {
			p.ring.callback(pcm, false)
			for _, s := range pcm {
				if s == 0 {
					continue // an underrun
				}
				if s != ramp(next, 1)[0] {
					t.Errorf("played %v in the place of sample %d", s, next)
					return
				}
				next++
			}
		}
		for i := range blocks {
			c.ring.callback(ramp(1+480*i, 480), false)
		}
	})
	got, last, ended := 0, float32(0), false
	pcm := make([]float32, 960)
	for !ended {
		select {
		case <-recorded:
			ended = true
		default:
		}
		for n := c.ring.read(pcm); n > 0; n = c.ring.read(pcm) {
			for _, s := range pcm[:n] {
				if s <= last {
					t.Fatalf("sample %v after %v", s, last)
				}
				last = s
			}
			got += n
		}
	}
	if total := got + int(c.Stats().Overruns); total != blocks*480 {
		t.Errorf("%d samples read or counted as lost of %d", total, blocks*480)
	}
	wg.Wait()
}

func TestCallbacksDoNotAllocate(t *testing.T) {
	p, c := newWriter(t, 44100, 2), newReader(t, 44100, 2)
	c.ring.reading.Store(true)
	p.ring.playing.Store(true)
	out, in, block := make([]float32, 2*441), make([]float32, 2*441), make([]float32, 400)
	for name, call := range map[string]func(){
		"playback callback": func() { p.ring.callback(out, false) },
		"capture callback":  func() { c.ring.callback(in, false) },
		"Read":              func() { c.ring.callback(in, false); _, _ = c.Read(block) },
		"Write":             func() { _ = p.Write(block); p.ring.callback(out, false) },
	} {
		if n := testing.AllocsPerRun(200, call); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
