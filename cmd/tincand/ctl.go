package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/tincan-voice/tincan/internal/usage"
	"github.com/tincan-voice/tincan/netproto"
)

// How tincand ctl speaks with a relay, by a Unix socket that only its user may open: a line with the command goes
// there, a line that is "ok" or "failed" comes back, and then the answer until the end.
const (
	ctlDone   = "ok\n"
	ctlFailed = "failed\n"
	// ctlTime is how long who has connected has to say its command, and a command may take beyond its own time.
	ctlTime = 10 * time.Second
	// mostCommand is the longest line.
	mostCommand = 4096
)

// ctlFlags is the command that speaks with a running relay.
type ctlFlags struct {
	Port    uint16   `default:"9999" help:"Port of the relay." placeholder:"PORT"`
	State   string   `help:"The relay's --state." placeholder:"DIR"`
	Command []string `arg:"" passthrough:"" help:"What to say: LIST [ROOM] and so on, as on the relay's standard input (docs/operating.md)."`
}

// ctlFile is the socket of the relay on that port.
func ctlFile(state string, port uint16) string {
	if state == "" {
		if dir, err := os.UserConfigDir(); err == nil {
			state = filepath.Join(dir, "tincan")
		}
	}
	return filepath.Join(state, fmt.Sprintf("ctl-%d", port))
}

// listenCtl makes the socket, in the place of one that a relay before this one has left.
func listenCtl(file string) (*net.UnixListener, error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return nil, err
	}
	fresh := fmt.Sprintf("%s.%d", file, os.Getpid())
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: fresh, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false) // its name may be that of the next relay by then
	err = os.Chmod(fresh, 0o600)
	if err == nil {
		err = os.Rename(fresh, file)
	}
	if err != nil {
		return nil, errors.Join(err, l.Close(), os.Remove(fresh))
	}
	return l, nil
}

// serveCtl carries out commands that come by the socket, until ctx ends; STOP calls stop.
func (o *operator) serveCtl(ctx context.Context, l *net.UnixListener, stop func()) {
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		conn, err := l.Accept()
		switch {
		case ctx.Err() != nil || errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			time.Sleep(100 * time.Millisecond) // no file is left for it
			continue
		}
		wg.Go(func() {
			defer conn.Close()
			defer context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Now()) })()
			if o.converse(ctx, conn) {
				stop()
			}
		})
	}
}

// converse carries out one command. It reports whether that was STOP.
func (o *operator) converse(ctx context.Context, conn net.Conn) (stop bool) {
	_ = conn.SetDeadline(time.Now().Add(ctlTime))
	line, err := bufio.NewReader(io.LimitReader(conn, mostCommand)).ReadString('\n')
	if err != nil {
		return false
	}
	_ = conn.SetDeadline(time.Now().Add(ctlTime + mostProfile))
	line = strings.TrimSpace(line)
	a := answer{}
	if command, args, _ := strings.Cut(line, " "); strings.EqualFold(command, "PROFILE") {
		a = profile(ctx, strings.TrimSpace(args))
	} else {
		a = o.answer(line)
	}
	status := ctlDone
	if a.failed {
		status = ctlFailed
	}
	if _, err := io.WriteString(conn, status); err == nil {
		_, _ = conn.Write(a.text)
	}
	return a.stop
}

// run says the command and prints the answer.
func (c ctlFlags) run(ctx context.Context, out io.Writer) error {
	line := strings.Join(c.Command, " ")
	if strings.ContainsAny(line, "\r\n") || len(line) >= mostCommand {
		return usage.Errorf("a command is one line of less than %d bytes", mostCommand)
	}
	file := ctlFile(c.State, c.Port)
	conn, err := new(net.Dialer).DialContext(ctx, "unix", file)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: only the user that the relay runs as may", err)
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("no relay is reached by %s: does one run with this --port (%d is the default) and the same --state?", file, netproto.DefaultPort)
	case err != nil:
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if _, err := fmt.Fprintln(conn, line); err != nil {
		return err
	}
	answer, err := io.ReadAll(conn)
	text, done := bytes.CutPrefix(answer, []byte(ctlDone))
	failure, failed := bytes.CutPrefix(answer, []byte(ctlFailed))
	switch {
	case err != nil:
		return err
	case failed:
		return errors.New(strings.TrimSpace(string(failure)))
	case !done:
		return errors.New("the relay ended before it answered")
	}
	_, err = out.Write(text)
	return err
}

// mostProfile is the longest profile.
const mostProfile = time.Minute

// errProfile is told who asks for one on standard input, where nobody could do anything with it, or says nonsense.
var errProfile = errors.New("a profile is for tincand ctl profile [SECONDS] > FILE: of up to 60 s, 10 s if nothing is said; go tool pprof FILE shows it")

// profile is what the processor does for so many seconds, as pprof reads it.
func profile(ctx context.Context, args string) answer {
	n, err := strconv.ParseUint(cmp.Or(args, "10"), 10, 16)
	d := time.Duration(n) * time.Second
	var text bytes.Buffer
	switch {
	case err != nil || d <= 0 || d > mostProfile:
		err = errProfile
	default:
		err = pprof.StartCPUProfile(&text)
	}
	if err != nil {
		return answer{text: []byte(err.Error()), failed: true}
	}
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
	pprof.StopCPUProfile()
	return answer{text: text.Bytes()}
}
