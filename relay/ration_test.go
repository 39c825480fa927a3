package relay

import (
	"bytes"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
)

// Who comes and goes all the time fills no disk, and hides nobody else from the operator.
func TestLogOfComingAndGoing(t *testing.T) {
	var log bytes.Buffer
	s, err := Listen(Config{Addr: netip.MustParseAddrPort("127.0.0.1:0"), StateDir: t.TempDir(), Log: slog.New(bare(&log))})
	if err != nil {
		t.Fatal(err)
	}
	s.log = slog.New(bare(&log)) // without the journal, which is a bound too
	from := netip.MustParseAddrPort("192.0.2.7:4444")
	for range 20_000 {
		s.note(slog.LevelInfo, from.Addr(), "joined", "session", 7, "name", "Eve", "room", "kitchen", "from", from, "tls", true, "voice", 1)
		s.note(slog.LevelDebug, from.Addr(), "left", "session", 7)
	}
	if lines := strings.Count(log.String(), "\n"); lines < 200 || lines > 300 {
		t.Errorf("%d lines of log for 20000 comings and goings", lines)
	}
	log.Reset()
	s.note(slog.LevelInfo, netip.MustParseAddr("192.0.2.8"), "joined", "session", 8, "name", "Ann")
	if got := log.String(); !strings.Contains(got, "name=Ann") || !strings.Contains(got, `"left out before"=39`) {
		t.Errorf("%q", got)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
