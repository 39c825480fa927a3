package mesh

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// logger is the NATS server's log, of which an operator gets what went wrong: a line in five seconds at most, as
// whoever knocks at the port can cause one.
type logger struct {
	log *slog.Logger

	mu   sync.Mutex
	next time.Time
	over int
}

const lineEvery = 5 * time.Second

func (l *logger) say(level slog.Level, format string, args []any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if now.Before(l.next) {
		l.over++
		return
	}
	l.log.Log(context.Background(), level, "NATS: "+fmt.Sprintf(format, args...), "left out before", l.over)
	l.next, l.over = now.Add(lineEvery), 0
}

// What server.Logger wants.

func (l *logger) Noticef(string, ...any) {}
func (l *logger) Warnf(format string, args ...any) {
	if !strings.HasPrefix(format, "Plaintext passwords") { // ours is in memory alone
		l.say(slog.LevelInfo, format, args)
	}
}
func (l *logger) Errorf(format string, args ...any) { l.say(slog.LevelWarn, format, args) }
func (l *logger) Fatalf(format string, args ...any) { l.say(slog.LevelError, format, args) }
func (l *logger) Debugf(string, ...any)             {}
func (l *logger) Tracef(string, ...any)             {}
