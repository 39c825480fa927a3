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

// Copy says a whole file, to its last sample, and tells what is wrong on either side.
func TestCopy(t *testing.T) {
	path := t.TempDir() + "/in.wav"
	w, err := audio.CreateWAV(path)
	if err != nil {
		t.Fatal(err)
	}
	said := sine(2345, audio.SampleRate, 440, 0.5)
	if err := errors.Join(w.Write(said), w.Close()); err != nil {
		t.Fatal(err)
	}
	src, err := audio.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, heard := audio.NewFeed(), make([]float32, 4800)
	if err := audio.Copy(f, src); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Read(heard); err != nil || power(diff(heard[:2345], said)) > -80 || power(heard[2345:]) > -100 {
		t.Error("the file is not what was said", err)
	}
	if err := errors.Join(f.Close(), src.Close()); err != nil {
		t.Error(err)
	}
	if err := audio.Copy(f, audio.Tone(440, -20)); !errors.Is(err, audio.ErrClosed) {
		t.Errorf("to a closed one: %v", err)
	}
	if err := audio.Copy(f, src); !errors.Is(err, audio.ErrClosed) {
		t.Errorf("from a closed one: %v", err)
	}
}
