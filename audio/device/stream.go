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

// opened is a device in use.
type opened struct {
	device Device
	stream *portaudio.Stream
	info   portaudio.StreamInfo // what it reports of itself
}

// open opens and starts the device of that name with the first format that it takes; channels are the counts to try,
// and start makes a stream of one format.
func open(name string, dir direction, channels func(Device) []int, start func(Device, attempt) (*portaudio.Stream, error)) (o opened, err error) {
	if err := acquire(); err != nil {
		return o, err
	}
	defer func() {
		if err != nil {
			release()
		}
	}()
	list, err := devices()
	if err != nil {
		return o, err
	}
	if o.device, err = choose(list, name, dir); err != nil {
		return o, err
	}
	if o.stream, err = openAny(o.device, attempts(o.device, channels(o.device)...), start); err != nil {
		return o, err
	}
	systemMu.Lock()
	defer systemMu.Unlock()
	if info := o.stream.Info(); info != nil {
		o.info = *info
	}
	return o, nil
}

// Device says what was opened.
func (o *opened) Device() Device { return o.device }

func (o *opened) close() error {
	systemMu.Lock()
	err := o.stream.Close() // stops it first
	systemMu.Unlock()
	release()
	if err != nil {
		return fmt.Errorf("device: close %q: %w", o.device.label(), err)
	}
	return nil
}

// openAny tries formats until the device takes one and has started.
func openAny(d Device, list []attempt, start func(Device, attempt) (*portaudio.Stream, error)) (*portaudio.Stream, error) {
	systemMu.Lock()
	defer systemMu.Unlock()
	var failed error
	for _, a := range list {
		stream, err := start(d, a)
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
