package relay

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// Bans and mutes outlive the relay, and those that were lifted do not come back.
func TestSanctionsAreKept(t *testing.T) {
	t.Parallel()
	cfg := Config{StateDir: t.TempDir()}
	s := startServer(t, cfg)
	cfg.Addr = s.Addr()
	ann := dialTIP(t, s)
	ann.enters("", "Ann", "")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(s.Mute("127.0.0.1", time.Hour))
	must(s.Ban("192.0.2.7", time.Hour, ""))
	must(s.Ban("198.51.100.0/24", time.Hour, ""))
	must(s.Ban("203.0.113.1", time.Nanosecond, ""))
	must(s.Lift("192.0.2.7", false))
	want := s.Sanctions()
	must(s.Close())

	again := startServer(t, cfg)
	if !slices.EqualFunc(want, again.Sanctions(), func(a, b Sanction) bool {
		return a.Who == b.Who && a.Mute == b.Mute && a.Until.Equal(b.Until)
	}) {
		t.Errorf("%v, want %v", again.Sanctions(), want)
	}
	bob := dialTIP(t, again)
	bob.enters("", "Bob", "")
	if all := again.Clients(); len(all) != 1 || !all[0].Muted {
		t.Errorf("%+v", all)
	}
	must(again.Ban("127.0.0.0/8", time.Hour, ""))
	bob.until(4)
	must(again.Close())
	eve := dialTIP(t, startServer(t, cfg))
	eve.shows("", "Eve", "")
	eve.refused("banned")
	if info, err := os.Stat(fmt.Sprintf("%s/sanctions-%d", cfg.StateDir, cfg.Addr.Port())); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

// A file that makes no sense is said, and not passed over: somebody would come in who must not.
func TestBadSanctionsFile(t *testing.T) {
	cfg := Config{StateDir: t.TempDir()}
	s := startServer(t, cfg)
	cfg.Addr = s.Addr()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(fmt.Sprintf("%s/sanctions-%d", cfg.StateDir, cfg.Addr.Port()), []byte("#\nban Ann\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(cfg); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), "line 2") || !strings.Contains(err.Error(), "mend or remove") {
		t.Error(err)
	}
}

// Where nothing can be written the ban is in force all the same, and the log says that it ends with the relay.
func TestSanctionsCannotBeKept(t *testing.T) {
	log := valve{open: make(chan struct{})}
	close(log.open)
	cfg := Config{StateDir: t.TempDir(), Log: slog.New(bare(&log))}
	s := startServer(t, cfg)
	if err := os.RemoveAll(cfg.StateDir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(cfg.StateDir, nil, 0o600); err != nil { // no directory any more
		t.Fatal(err)
	}
	if err := s.Ban("127.0.0.1", time.Hour, ""); err != nil {
		t.Fatal(err)
	}
	within(t, "the log says so", func() bool { return strings.Contains(log.String(), "they end with this relay") })
	eve := dialTIP(t, s)
	eve.shows("", "Eve", "")
	eve.refused("banned")
}
