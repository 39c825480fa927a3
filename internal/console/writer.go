// Package console is a program's way to its terminal, pipe or log: it never makes the program wait for one that
// stands still (Ctrl-S, a full pipe, a reader that went away), and reads no terminal that is not the program's.
package console

import (
	"io"
	"slices"
	"time"
)

// room is how many writes may wait for a slow reader.
const room = 256

// Writer is an io.Writer that never waits, a Feed of lines. After an error of the writer below, a closed pipe for
// example, the rest is dropped in silence. Any goroutine may write.
type Writer struct{ feed *Feed[[]byte] }

// NewWriter starts to pass on to out. Each Write should be a whole line or more: it is passed on or dropped as one.
// notice makes the line that tells how many were dropped.
func NewWriter(out io.Writer, notice func(missed int) string) *Writer {
	var err error
	return &Writer{NewFeed(room, func(line []byte) {
		if err == nil {
			_, err = out.Write(line)
		}
	}, func(missed int) []byte { return []byte(notice(missed)) })}
}

// Write implements io.Writer. It takes a copy of p, and fails with io.ErrClosedPipe after Close only.
func (w *Writer) Write(p []byte) (int, error) {
	if !w.feed.Give(slices.Clone(p)) {
		return 0, io.ErrClosedPipe
	}
	return len(p), nil
}

// Close is that of the Feed.
func (w *Writer) Close(wait time.Duration) bool { return w.feed.Close(wait) }
