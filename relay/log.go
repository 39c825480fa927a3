package relay

import (
	"context"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/tincan-voice/tincan/internal/console"
	"github.com/tincan-voice/tincan/internal/relay/rate"
)

const (
	// logRoom is how many lines may wait for a log that stands still.
	logRoom = 1024
	// logTime is how long the end waits for a log to take its last lines.
	logTime = time.Second
)

// line is one line and the handler that has its attributes.
type line struct {
	to     slog.Handler
	record slog.Record
}

// journal stands between the relay and its log, which may write to a stopped terminal or
// a full pipe: nobody who serves waits for it.
type journal struct{ *console.Feed[line] }

// newJournal starts a goroutine. It ends with close.
func newJournal(log slog.Handler) journal {
	return journal{console.NewFeed(logRoom, func(l line) {
		_ = l.to.Handle(context.Background(), l.record)
	}, func(lost int) line {
		r := slog.NewRecord(time.Now(), slog.LevelWarn, "lines of this log are lost: what takes them stood still or is too slow", 0)
		r.AddAttrs(slog.Int("lines", lost))
		return line{log, r}
	})}
}

// close waits until all is written, for logTime at most.
func (j journal) close() { j.Close(logTime) }

// journalHandler is the slog.Handler in front of a journal.
type journalHandler struct {
	journal journal
	to      slog.Handler
}

func (h journalHandler) Enabled(ctx context.Context, l slog.Level) bool { return h.to.Enabled(ctx, l) }

func (h journalHandler) Handle(_ context.Context, r slog.Record) error {
	h.journal.Give(line{h.to, r.Clone()})
	return nil
}

func (h journalHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return journalHandler{h.journal, h.to.WithAttrs(attrs)}
}

func (h journalHandler) WithGroup(name string) slog.Handler {
	return journalHandler{h.journal, h.to.WithGroup(name)}
}

const (
	// An address may cause a line of log so often, and so many lines at once; all together, so often, and so many.
	lineEvery, lineBurst         = 10 * time.Second, 255 * lineEvery
	allLinesEvery, allLinesBurst = 50 * time.Millisecond, 8191 * allLinesEvery
)

// ration bounds what those who come and go can write into the log.
type ration struct {
	each *rate.Networks
	all  *rate.Rate
	over *atomic.Int64 // lines that were left out since the last one that was not
}

func newRation() ration {
	return ration{rate.NewNetworks(lineEvery, lineBurst), new(rate.Rate), new(atomic.Int64)}
}

// note writes a line of log that a client has caused. Where it causes too many the next line says how many are missing.
func (s *Server) note(level slog.Level, from netip.Addr, message string, args ...any) {
	ctx := context.Background()
	if !s.log.Enabled(ctx, level) {
		return
	}
	now := s.now()
	if !from.IsLoopback() && !(s.lines.each.Allow(now, from) && s.lines.all.Allow(now, allLinesEvery, allLinesBurst)) {
		s.lines.over.Add(1)
		return
	}
	if n := s.lines.over.Swap(0); n > 0 {
		args = append(args, "left out before", n)
	}
	s.log.Log(ctx, level, message, args...)
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
