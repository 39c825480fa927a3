package audio_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tincan-voice/tincan/audio"
)

// A Feed gives what was written, in order and in real time, silence while there is nothing, and takes a second ahead.
func TestFeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := audio.NewFeed()
		said := sine(3*audio.SampleRate, audio.SampleRate, 440, 0.5)
		done := make(chan time.Duration)
		start := time.Now()
		go func() {
			if err := f.Write(said); err != nil {
				t.Error(err)
			}
			done <- time.Since(start)
		}()
		synctest.Wait()
		block := make([]float32, 960)
		for n := range 200 {
			if got, err := f.Read(block); got != len(block) || err != nil {
				t.Fatalf("block %d: %d samples, %v", n, got, err)
			}
			synctest.Wait()
			for i, s := range block {
				want := float32(0)
				if at := n*len(block) + i; at < len(said) {
					want = said[at]
				}
				if s != want {
					t.Fatalf("block %d, sample %d: %v, want %v", n, i, s, want)
				}
			}
			if n == 99 {
				if took := <-done; took != 2*time.Second {
					t.Errorf("3 s were taken after %v", took)
				}
			}
		}
		if took := time.Since(start); took != 4*time.Second {
			t.Errorf("4 s took %v", took)
		}
		go func() { done <- 0; _, err := f.Read(block); done <- 0; _ = err }()
		<-done
		if err := errors.Join(f.Close(), f.Close()); err != nil {
			t.Error(err)
		}
		<-done
		if err := f.Write(block); !errors.Is(err, audio.ErrClosed) {
			t.Errorf("Write after Close: %v", err)
		}
	})
}

func TestFeedDoesNotAllocate(t *testing.T) {
	f, block := audio.NewFeed(), make([]float32, 96)
	if n := testing.AllocsPerRun(20, func() { _ = f.Write(block); _, _ = f.Read(block) }); n > 0 {
		t.Errorf("%v allocations per block", n)
	}
}
