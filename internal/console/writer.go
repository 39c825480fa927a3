// Package console is a program's way to its terminal, pipe or log: it never makes the program wait for one that
// stands still (Ctrl-S, a full pipe, a reader that went away), and reads no terminal that is not the program's.
package console

import (
	"io"
	"sync"
	"time"
)

// room is how many writes may wait for a slow reader.
const room = 256

// Writer is an io.Writer that never waits: a goroutine of its own passes on what is written. What does not fit while
// the reader stands still is dropped, counted, and told when there is room again; after an error of the
// writer below, a closed pipe for example, the rest is dropped in silence. Any goroutine may write.
type Writer struct {
	notice func(missed int) string
	done   chan struct{} // closed when all is written

	mu     sync.Mutex // guards what follows
	lines  chan []byte
	missed int
	closed bool
}

// NewWriter starts to pass on to out. Each Write should be a whole line or more: it is passed on or dropped as one.
// notice makes the line that tells how many were dropped.
func NewWriter(out io.Writer, notice func(missed int) string) *Writer {
	w := &Writer{notice: notice, done: make(chan struct{}), lines: make(chan []byte, room)}
	go func() {
		defer close(w.done)
		var err error
		for b := range w.lines {
			if err == nil {
				_, err = out.Write(b)
			}
		}
	}()
	return w
}

// Write implements io.Writer. It takes a copy of p, and fails with io.ErrClosedPipe after Close only.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return 0, io.ErrClosedPipe
	}
	if w.missed > 0 && len(w.lines) < cap(w.lines)-1 { // nobody else adds to it
		w.lines <- []byte(w.notice(w.missed))
		w.missed = 0
	}
	if w.missed > 0 || len(w.lines) == cap(w.lines) {
		w.missed++
	} else {
		w.lines <- append([]byte(nil), p...)
	}
	return len(p), nil
}

// Close waits until all is written, or for at most the given time; then the goroutine is left behind with the write
// that it hangs in, and is gone when that ends. It reports whether all was written.
func (w *Writer) Close(wait time.Duration) bool {
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		if w.missed > 0 && len(w.lines) < cap(w.lines) {
			w.lines <- []byte(w.notice(w.missed))
		}
		close(w.lines)
	}
	w.mu.Unlock()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-w.done:
		return true
	case <-timer.C:
		return false
	}
}
