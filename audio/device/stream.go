package device

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/gordonklaus/portaudio"

	"github.com/tincan-voice/tincan/audio"
)

// systemMu guards PortAudio's global state: it is not safe for concurrent use, and neither is the
// binding's. Callbacks do not take it.
var systemMu sync.Mutex

// acquire starts PortAudio, or counts one more user of it. PortAudio keeps the count itself.
func acquire() error {
	systemMu.Lock()
	defer systemMu.Unlock()
	quiet()
	defer quiet() // PortAudio sets functions of its own
	if err := portaudio.Initialize(); err != nil {
		return fmt.Errorf("device: %w: %w", ErrSystem, err)
	}
	return nil
}

// release undoes one acquire; the last one ends PortAudio.
func release() {
	systemMu.Lock()
	defer systemMu.Unlock()
	_ = portaudio.Terminate() // fails only if it was not initialised
}

// bufferTime is the length of PortAudio's buffers, so the pace of the callbacks.
const bufferTime = 10 * time.Millisecond

// lostAfter is how long the callbacks may stay away before the device counts as lost, counted in so many pieces.
const (
	lostAfter  = 2 * time.Second
	lostPieces = 4
)

// latency is what to ask the device for: its lowest, but not less than the two buffers that it needs in
// any case.
func latency(lowest time.Duration) time.Duration { return max(lowest, 2*bufferTime) }

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

// openAny tries formats until the device takes one and has started.
func openAny(d Device, list []attempt, open func(attempt) (*portaudio.Stream, error)) (*portaudio.Stream, error) {
	systemMu.Lock()
	defer systemMu.Unlock()
	var failed error
	for _, a := range list {
		stream, err := open(a)
		if err == nil {
			if err = stream.Start(); err == nil {
				return stream, nil
			}
			_ = stream.Close() // the error of Start is the one to tell
		}
		if isBusy(err) {
			return nil, fmt.Errorf("device: %w: %q: %w; close the program that uses it, or choose another", ErrDeviceBusy, d.label(), err)
		}
		failed = err
	}
	return nil, fmt.Errorf("device: %w: %q: %w; choose another, or check it with the system's own tools", ErrOpen, d.label(), failed)
}

// isBusy tells whether a device exists but is taken.
func isBusy(err error) bool {
	var host portaudio.UnanticipatedHostError
	if errors.As(err, &host) {
		return host.HostApiType == portaudio.ALSA && host.Code == -int(syscall.EBUSY)
	}
	return errors.Is(err, portaudio.DeviceUnavailable)
}

// parameters are what both directions open a stream with.
func parameters(rate int) portaudio.StreamParameters {
	return portaudio.StreamParameters{
		SampleRate:      float64(rate),
		FramesPerBuffer: samplesIn(bufferTime, rate),
	}
}

func samplesIn(d time.Duration, rate int) int {
	return int(d * time.Duration(rate) / time.Second)
}

// waiter is how the caller's side waits for the callback.
type waiter struct {
	closed chan struct{}
	once   sync.Once
	timer  *time.Timer // owned by the reader or writer
}

func newWaiter() *waiter { return &waiter{closed: make(chan struct{})} }

// wait blocks until ready is signalled. It returns audio.ErrClosed or ErrDeviceLost.
func (w *waiter) wait(ready <-chan struct{}) error {
	const piece = lostAfter / lostPieces
	if w.timer == nil {
		w.timer = time.NewTimer(piece)
	}
	defer w.timer.Stop()
	for away := 0; away < lostPieces; {
		w.timer.Reset(piece)
		begin := time.Now()
		select {
		case <-ready:
			return nil
		case <-w.closed:
			return audio.ErrClosed
		case <-w.timer.C:
			away = nextAway(away, time.Since(begin))
		}
	}
	return fmt.Errorf("device: %w; is it unplugged?", ErrDeviceLost)
}

// nextAway counts the pieces of lostAfter that have passed without a callback. One that took much longer than it
// should says that the whole program stood still, and no device can be blamed for that: it begins anew.
func nextAway(away int, took time.Duration) int {
	if took > 2*lostAfter/lostPieces {
		return 0
	}
	return away + 1
}

func (w *waiter) isClosed() bool {
	select {
	case <-w.closed:
		return true
	default:
		return false
	}
}

// close tells whether this was the first call.
func (w *waiter) close() (first bool) {
	w.once.Do(func() { close(w.closed); first = true })
	return first
}
