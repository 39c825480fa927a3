package relay

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// valve is a log's writer that stands still until it is opened, as a stopped terminal does.
type valve struct {
	open chan struct{}
	mu   sync.Mutex
	got  bytes.Buffer
}

func (v *valve) Write(p []byte) (int, error) {
	<-v.open
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.got.Write(p)
}

func (v *valve) String() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.got.String()
}

// bare writes a line's text and attributes, and no time.
func bare(w io.Writer) slog.Handler {
	return slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
}

// While the log stands still, people come and go and the relay ends.
func TestLogStandsStill(t *testing.T) {
	t.Parallel()
	v := &valve{open: make(chan struct{})}
	s, err := Listen(Config{Addr: netip.MustParseAddrPort("127.0.0.1:0"), StateDir: t.TempDir(), Log: slog.New(bare(v))})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	end := make(chan error)
	go func() { end <- s.Serve(ctx) }()
	for i := range 20 {
		c := dialTIP(t, s)
		c.login(fmt.Sprint(i), fmt.Sprint(i))
		c.send(`{"KEY": 4}`)
		c.closed()
	}
	cancel()
	select {
	case err := <-end:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(inTime):
		t.Error("Serve does not end")
	}
	close(v.open) // what was left behind ends too
	s.journal.Close(time.Minute)
	if got := strings.Count(v.String(), "msg=joined"); got != 20 {
		t.Errorf("%d joins in %s", got, v.String())
	}
}

func TestJournalCountsWhatItLoses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &valve{open: make(chan struct{})}
		j := newJournal(bare(v))
		log := slog.New(journalHandler{j, bare(v)}).With("of", "ours")
		log.Info("first")
		synctest.Wait() // it hangs in the valve
		for i := range logRoom + 7 {
			log.Info("more", "i", i)
		}
		start := time.Now()
		j.close()
		if time.Since(start) != logTime {
			t.Errorf("closed after %v", time.Since(start))
		}
		log.Info("too late")
		close(v.open)
		j.Close(time.Minute)
		got := v.String()
		if lines := strings.Count(got, "\n"); lines != 1+logRoom || !strings.HasPrefix(got, "level=INFO msg=first of=ours\n") {
			t.Errorf("%d lines, want %d", lines, 1+logRoom)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		v := &valve{open: make(chan struct{})}
		j := newJournal(bare(v))
		log := slog.New(journalHandler{j, bare(v)})
		for range 1 + logRoom + 7 {
			log.Info("more")
			synctest.Wait()
		}
		close(v.open)
		synctest.Wait()
		log.Info("last")
		j.close()
		if want := " lines=7\nlevel=INFO msg=last\n"; !strings.HasSuffix(v.String(), want) {
			t.Errorf("ends %q, want %q", v.String()[max(0, v.got.Len()-200):], want)
		}
	})
}

// outOfFiles is a listener that fails a few times first.
type outOfFiles struct {
	net.Listener
	fails *int
}

func (l outOfFiles) Accept() (net.Conn, error) {
	if *l.fails--; *l.fails >= 0 {
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	return l.Listener.Accept()
}

func TestOutOfFiles(t *testing.T) {
	v := &valve{open: make(chan struct{})}
	close(v.open)
	s, err := Listen(Config{Addr: netip.MustParseAddrPort("127.0.0.1:0"), StateDir: t.TempDir(), Log: slog.New(bare(v))})
	if err != nil {
		t.Fatal(err)
	}
	fails := 4
	s.listener = outOfFiles{s.listener, &fails}
	serve(t, s)
	c := dialTIP(t, s)
	c.login("a", "a") // when there is a file again
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	said := v.String()
	if n := strings.Count(said, "cannot take connections"); n != 1 || !strings.Contains(said, "ulimit -n") || !strings.Contains(said, "LimitNOFILE") {
		t.Errorf("said %d times: %s", n, said)
	}
}

func TestFaultsAreSaidOnceAMinute(t *testing.T) {
	var f faults
	var said []string
	for now := time.Duration(0); now < 150*time.Second; now += time.Second {
		if n, ok := f.say(now); ok {
			said = append(said, fmt.Sprint(now, n))
		}
	}
	if got := strings.Join(said, ", "); got != "0s 1, 1m0s 60, 2m0s 60" {
		t.Error(got)
	}
}
