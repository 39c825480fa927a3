package device

import (
	"fmt"
	"sync"
	"time"
)

// lostAfter is how long the callbacks may stay away, where there should be one every 10 ms, before the device counts as
// lost; in so many pieces. A device that is just opened may take firstAfter until the first one: it may have to wake
// up.
const (
	lostAfter  = 500 * time.Millisecond
	firstAfter = 2 * time.Second
	lostPieces = 4
)

var errLost = fmt.Errorf("device: %w; is it unplugged?", ErrDeviceLost)

// waiter is how the caller's side waits for the callback.
type waiter struct {
	closed chan struct{}
	once   sync.Once
	why    error // written before closed closes

	// owned by the reader or writer
	timer *time.Timer
	begun bool // there was a callback
}

func newWaiter() *waiter { return &waiter{closed: make(chan struct{})} }

// wait blocks until ready is signalled. It returns what the device was closed with, or ErrDeviceLost.
func (w *waiter) wait(ready <-chan struct{}) error {
	piece := firstAfter / lostPieces
	if w.begun {
		piece = lostAfter / lostPieces
	}
	if w.timer == nil {
		w.timer = time.NewTimer(piece)
	}
	defer w.timer.Stop()
	for away := 0; away < lostPieces; {
		w.timer.Reset(piece)
		begin := time.Now()
		select {
		case <-ready:
			w.begun = true
			return nil
		case <-w.closed:
			return w.why
		case <-w.timer.C:
			away = nextAway(away, piece, time.Since(begin))
		}
	}
	w.end(errLost)
	return errLost
}

// nextAway counts the pieces of time that have passed without a callback. One that took much longer than it
// should says that the whole program stood still, and no device can be blamed for that: it begins anew.
func nextAway(away int, piece, took time.Duration) int {
	if took > 2*piece {
		return 0
	}
	return away + 1
}

// over is what the device was closed with, nil while it is open.
func (w *waiter) over() error {
	select {
	case <-w.closed:
		return w.why
	default:
		return nil
	}
}

// end ends what is pending with why. It tells whether this was the first call.
func (w *waiter) end(why error) (first bool) {
	w.once.Do(func() { w.why, first = why, true; close(w.closed) })
	return first
}

// ending is the end of a stream: it comes once, and whoever wants it too waits for it.
type ending struct{ once sync.Once }

// do is the first caller's to do, and its error.
func (e *ending) do(end func() error) (err error) {
	e.once.Do(func() { err = end() })
	return err
}
