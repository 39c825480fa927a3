package console

import (
	"sync"
	"time"
)

// Feed passes things on to who may stand still, and never makes those wait who give them: a goroutine of its own
// passes on. What does not fit meanwhile is dropped and counted, and told when there is room again. Any goroutine
// may give.
type Feed[T any] struct {
	notice func(missed int) T
	done   chan struct{} // closed when all is passed on

	mu     sync.Mutex // guards what follows
	things chan T
	missed int
	closed bool
}

// NewFeed starts to pass on; at most room things wait. notice makes the one that tells how many were dropped.
func NewFeed[T any](room int, pass func(T), notice func(missed int) T) *Feed[T] {
	f := &Feed[T]{notice: notice, done: make(chan struct{}), things: make(chan T, room)}
	go func() {
		defer close(f.done)
		for v := range f.things {
			pass(v)
		}
	}()
	return f
}

// Give never waits. It is false after Close only.
func (f *Feed[T]) Give(v T) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return false
	}
	if f.missed > 0 && len(f.things) < cap(f.things)-1 { // nobody else adds to it
		f.things <- f.notice(f.missed)
		f.missed = 0
	}
	if f.missed > 0 || len(f.things) == cap(f.things) {
		f.missed++
	} else {
		f.things <- v
	}
	return true
}

// Close waits until all is passed on, or for at most the given time; then the goroutine is left behind with what it
// hangs in, and is gone when that ends. It reports whether all was passed on, and may be called more than once.
func (f *Feed[T]) Close(wait time.Duration) bool {
	f.mu.Lock()
	if !f.closed {
		f.closed = true
		if f.missed > 0 && len(f.things) < cap(f.things) {
			f.things <- f.notice(f.missed)
		}
		close(f.things)
	}
	f.mu.Unlock()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-f.done:
		return true
	case <-timer.C:
		return false
	}
}
