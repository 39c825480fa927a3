package device

import (
	"fmt"
	"sync"
	"time"

	"github.com/tincan-voice/tincan/audio"
)

// lostAfter is how long the callbacks may stay away before the device counts as lost, counted in so many pieces.
const (
	lostAfter  = 2 * time.Second
	lostPieces = 4
)

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
