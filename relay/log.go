package relay

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	// logRoom is how many lines may wait for a log that stands still.
	logRoom = 1024
	// logTime is how long the end waits for a log to take its last lines.
	logTime = time.Second
)

// journal stands between the relay and its log, which may write to a stopped terminal or
// a full pipe: nobody who serves waits for it. A goroutine passes the lines on; what does
// not fit is dropped, and counted in a line of its own.
type journal struct {
	log  slog.Handler
	done chan struct{} // closed when all is written

	mu     sync.Mutex
	lines  chan line
	lost   int
	closed bool
}

// line is one line and the handler that has its attributes.
type line struct {
	to     slog.Handler
	record slog.Record
}

// newJournal starts the goroutine. It ends with close.
func newJournal(log slog.Handler) *journal {
	j := &journal{log: log, done: make(chan struct{}), lines: make(chan line, logRoom)}
	go func() {
		defer close(j.done)
		for l := range j.lines {
			_ = l.to.Handle(context.Background(), l.record)
		}
	}()
	return j
}

// put never waits.
func (j *journal) put(l line) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return
	}
	if j.lost > 0 && len(j.lines) < cap(j.lines)-1 {
		j.tellLocked()
	}
	if j.lost > 0 || len(j.lines) == cap(j.lines) {
		j.lost++
		return
	}
	j.lines <- l // there is room, and nobody else fills it
}

func (j *journal) tellLocked() {
	r := slog.NewRecord(time.Now(), slog.LevelWarn, "lines of this log are lost: what takes them stood still or is too slow", 0)
	r.AddAttrs(slog.Int("lines", j.lost))
	j.lines <- line{j.log, r}
	j.lost = 0
}

// close waits until all is written, for logTime at most: then the goroutine stays
// behind with the line that it hangs in.
func (j *journal) close() {
	j.mu.Lock()
	if !j.closed {
		j.closed = true
		if j.lost > 0 && len(j.lines) < cap(j.lines) {
			j.tellLocked()
		}
		close(j.lines)
	}
	j.mu.Unlock()
	timer := time.NewTimer(logTime)
	defer timer.Stop()
	select {
	case <-j.done:
	case <-timer.C:
	}
}

// journalHandler is the slog.Handler in front of a journal.
type journalHandler struct {
	journal *journal
	to      slog.Handler
}

func (h journalHandler) Enabled(ctx context.Context, l slog.Level) bool { return h.to.Enabled(ctx, l) }

func (h journalHandler) Handle(_ context.Context, r slog.Record) error {
	h.journal.put(line{h.to, r.Clone()})
	return nil
}

func (h journalHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return journalHandler{h.journal, h.to.WithAttrs(attrs)}
}

func (h journalHandler) WithGroup(name string) slog.Handler {
	return journalHandler{h.journal, h.to.WithGroup(name)}
}

const (
	// faultEvery is the least time between two lines about a fault that lasts.
	faultEvery = time.Minute
	// faultPause keeps what only fails from eating a core.
	faultPause = 50 * time.Millisecond
)

// faults is how often something has failed since it was last said. It belongs to one goroutine.
type faults struct {
	n    int
	next time.Duration
}

// say counts one, and tells whether it is time to say so: at first, then once a minute.
func (f *faults) say(now time.Duration) (times int, ok bool) {
	f.n++
	if now < f.next {
		return 0, false
	}
	times, f.n, f.next = f.n, 0, now+faultEvery
	return times, true
}
