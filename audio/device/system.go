package device

import (
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/tincan-voice/tincan/audio"
)

// system is the sound system in use; acquire, which fails in a program built without cgo, starts it.
type system interface {
	devices() ([]Device, error)

	// capture and playback open and start a device in one format. The system calls back on a thread of its own, and
	// tells whether samples were lost before.
	capture(d Device, a attempt, callback func(in []float32, lost bool)) (stream, error)
	playback(d Device, a attempt, callback func(out []float32, lost bool)) (stream, error)
	// busy tells whether they failed because another program has the device.
	busy(err error) bool

	// release undoes one acquire; the last one ends the system.
	release()
}

// stream is a device that was opened.
type stream interface {
	latency() time.Duration // of the device, by its own account
	stop()                  // plays what the device holds
	close() error           // ends the callbacks
}

// bufferTime is the length of the system's buffers, so the pace of the callbacks.
const bufferTime = 10 * time.Millisecond

// attempt is one format to try a device in.
type attempt struct{ rate, channels int }

// attempts are the formats to try, best first: 48 kHz needs no resampler.
func attempts(d Device, channels ...int) []attempt {
	rates := []int{audio.SampleRate}
	if d.Rate != audio.SampleRate && d.Rate >= audio.MinRate && d.Rate <= audio.MaxRate {
		rates = append(rates, d.Rate)
	}
	channels = slices.Compact(channels) // a mono device is asked once
	list := make([]attempt, 0, len(rates)*len(channels))
	for _, rate := range rates {
		for _, c := range channels {
			list = append(list, attempt{rate, c})
		}
	}
	return list
}

// openAny tries formats until the device takes one.
func openAny(sys system, d Device, list []attempt, open func(attempt) (stream, error)) (stream, error) {
	var failed error
	for _, a := range list {
		s, err := open(a)
		if err == nil {
			return s, nil
		}
		if sys.busy(err) {
			return nil, fmt.Errorf("device: %w: %q: %w; close the program that uses it, or choose another", ErrDeviceBusy, d.label(), err)
		}
		failed = err
	}
	return nil, fmt.Errorf("device: %w: %q: %w; choose another, or check it with the system's own tools", ErrOpen, d.label(), failed)
}

// closeTime is how long the system may take to end a stream: it plays what the device holds first, which is 0.3 s for
// some radio links.
const closeTime = time.Second

var stuck atomic.Int64

// Stuck is how many streams have been left behind so far, as the sound system did not let go of them. Each has a thread
// for itself, which may keep a core busy until the process ends.
func Stuck() int { return int(stuck.Load()) }

// finish ends a stream and lets go of the system; with drain what it holds is played first. One that does not come to an
// end is left behind: the goroutine that waits for it ends with it, or with the process. Until then the system counts as
// in use, so that it does not end below a thread that is still there, and makes no new list.
func finish(sys system, s stream, d Device, drain bool) error {
	ended := make(chan error, 1)
	go func() {
		if drain {
			s.stop()
		}
		err := s.close()
		sys.release()
		ended <- err
	}()
	timer := time.NewTimer(closeTime)
	defer timer.Stop()
	var err error
	select {
	case err = <-ended:
	case <-timer.C:
		stuck.Add(1)
		err = ErrStuck
	}
	if err != nil {
		return fmt.Errorf("device: close %q: %w", d.label(), err)
	}
	return nil
}

func samplesIn(d time.Duration, rate int) int {
	return int(d * time.Duration(rate) / time.Second)
}

// openBy opens a device of the system's sound interface, which is let go where that fails.
func openBy[D any](start func() (system, error), name string, open func(system, string) (D, error)) (d D, err error) {
	sys, err := start()
	if err != nil {
		return d, err
	}
	if d, err = open(sys, name); err != nil {
		sys.release()
	}
	return d, err
}
