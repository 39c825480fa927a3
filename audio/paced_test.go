package audio_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tincan-voice/tincan/audio"
)

const block = 20 * time.Millisecond

// silence is a source that costs nothing.
type silence struct{}

func (silence) Read(pcm []float32) (int, error) { return len(pcm), nil }
func (silence) Close() error                    { return nil }

func TestPacedSourceKeepsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := audio.PacedSource(silence{})
		start := time.Now()
		// Ten hours, in blocks that are no round time, with some work each.
		pcm := make([]float32, 44101)
		for i := 1; i <= 10*3600*48000/44101; i++ {
			if _, err := src.Read(pcm); err != nil {
				t.Fatal(err)
			}
			want := time.Duration(i) * 44101 * (time.Second / 1000) / 48
			if late := time.Since(start) - want; late < -time.Nanosecond || late > time.Nanosecond {
				t.Fatalf("block %d came %v late", i, late)
			}
			time.Sleep(time.Millisecond)
		}
	})
}

func TestPacedSinkKeepsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dst := audio.PacedSink(audio.Discard())
		start := time.Now()
		pcm := make([]float32, 960)
		for i := 1; i <= 1000; i++ {
			if err := dst.Write(pcm); err != nil {
				t.Fatal(err)
			}
			if got, want := time.Since(start), time.Duration(i)*block; got != want {
				t.Fatalf("block %d played at %v, want %v", i, got, want)
			}
		}
	})
}

func TestPacedCatchesUpWithoutABurst(t *testing.T) {
	for _, tt := range []struct {
		stall time.Duration
		burst int // blocks that come at once afterwards
	}{{0, 0}, {block, 1}, {30 * time.Millisecond, 1}, {3 * block, 3}, {4 * block, 4}, {time.Second, 4}, {time.Hour, 4}} {
		synctest.Test(t, func(t *testing.T) {
			src := audio.PacedSource(audio.Tone(440, -20))
			pcm := make([]float32, 960)
			read := func() time.Duration {
				before := time.Now()
				if _, err := src.Read(pcm); err != nil {
					t.Fatal(err)
				}
				return time.Since(before)
			}
			for range 5 {
				read()
			}
			time.Sleep(tt.stall)
			burst := 0
			for read() == 0 {
				burst++
			}
			if burst != tt.burst {
				t.Errorf("after %v: %d blocks at once, want %d", tt.stall, burst, tt.burst)
			}
			for range 3 {
				if d := read(); d != block {
					t.Errorf("after %v: then a block after %v", tt.stall, d)
				}
			}
		})
	}
}

// counter counts its closings, and fails on use afterwards.
type counter struct{ closed int }

func (c *counter) Read(pcm []float32) (int, error) {
	if c.closed > 0 {
		return 0, errors.New("used after Close")
	}
	return len(pcm), nil
}
func (c *counter) Write(pcm []float32) error { _, err := c.Read(pcm); return err }
func (c *counter) Close() error              { c.closed++; return nil }

func TestPacedCloseEndsWhatIsPending(t *testing.T) {
	for name, open := range map[string]func(c *counter) (use func() error, end func() error){
		"source": func(c *counter) (func() error, func() error) {
			src := audio.PacedSource(c)
			return func() error { _, err := src.Read(make([]float32, 48000)); return err }, src.Close
		},
		"sink": func(c *counter) (func() error, func() error) {
			dst := audio.PacedSink(c)
			return func() error { return dst.Write(make([]float32, 48000)) }, dst.Close
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			inner := &counter{}
			use, end := open(inner)
			done := make(chan error)
			go func() {
				for {
					if err := use(); err != nil {
						done <- err
						return
					}
				}
			}()
			time.Sleep(2500 * time.Millisecond)
			start := time.Now()
			if err := errors.Join(end(), end()); err != nil {
				t.Errorf("%s: Close: %v", name, err)
			}
			if err := <-done; !errors.Is(err, audio.ErrClosed) {
				t.Errorf("%s: pending call: %v", name, err)
			}
			if err := use(); !errors.Is(err, audio.ErrClosed) {
				t.Errorf("%s: after Close: %v", name, err)
			}
			if time.Since(start) != 0 || inner.closed != 1 {
				t.Errorf("%s: Close took %v and closed %d times", name, time.Since(start), inner.closed)
			}
		})
	}
}
