// Package relaycmd runs a tincand as a process of its own, asks its console what it has, and ends it in all the ways
// in which a relay can end.
package relaycmd

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Build makes a tincand in dir and returns its path; with race it has the race detector.
func Build(ctx context.Context, dir string, race bool) (program string, err error) {
	program = filepath.Join(dir, "tincand")
	args := []string{"build", "-o", program}
	if race {
		args = append(args, "-race")
	}
	build := exec.CommandContext(ctx, "go", append(args, "github.com/tincan-voice/tincan/cmd/tincand")...)
	if text, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w: %s", err, text)
	}
	return program, nil
}

// Relay is a tincand with its console.
type Relay struct {
	Address string // host:port
	cmd     *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Scanner
	log     string // file with its standard error
}

// Start starts a tincand on a port of 127.0.0.1, "0" for any free one, with its state and its log in the program's
// folder. When ctx ends it is killed.
func Start(ctx context.Context, program, port string, args ...string) (*Relay, error) {
	dir := filepath.Dir(program)
	r := &Relay{log: filepath.Join(dir, "log")}
	log, err := os.OpenFile(r.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	r.cmd = exec.CommandContext(ctx, program, append([]string{port, "--host", "127.0.0.1", "--state", dir, "--log-level", "debug", "--log-addresses"}, args...)...)
	r.cmd.Stderr = log
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if r.in, err = r.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := r.cmd.Start(); err != nil {
		return nil, err
	}
	r.out = bufio.NewScanner(out)
	for r.out.Scan() {
		if address := listens.FindStringSubmatch(r.out.Text()); address != nil {
			r.Address = address[1]
			return r, nil
		}
	}
	return nil, errors.Join(errors.New("the relay does not say where it listens"), r.Stop())
}

// listens is what is in the last line of a relay's greeting.
var listens = regexp.MustCompile(`listens on (\S+),`)

// Stop has the relay end by its console. The error says how it ended, if not well, and how many races were
// found in it.
func (r *Relay) Stop() error {
	fmt.Fprintln(r.in, "STOP")
	return r.ended(r.wait())
}

// Terminate ends it with SIGTERM. The error is as of Stop.
func (r *Relay) Terminate() error {
	_ = r.cmd.Process.Signal(syscall.SIGTERM) // it may have ended already: wait says how
	return r.ended(r.wait())
}

// Kill ends it with SIGKILL. The error is as of Stop.
func (r *Relay) Kill() error {
	_ = r.cmd.Process.Kill()
	err := r.wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == -1 { // by the signal
		err = nil
	}
	return r.ended(err)
}

func (r *Relay) wait() error {
	for r.out.Scan() {
	}
	return r.cmd.Wait()
}

func (r *Relay) ended(err error) error {
	if err != nil {
		err = fmt.Errorf("the relay: %w", err)
	}
	text, readErr := os.ReadFile(r.log)
	races := bytes.Count(text, []byte("DATA RACE"))
	if err != nil || races > 0 || bytes.Contains(text, []byte("panic")) {
		err = errors.Join(err, fmt.Errorf("%d races; its log ends with\n%s", races, text[max(0, len(text)-8000):]))
	}
	return errors.Join(err, readErr)
}

// Stats is what STATS says.
type Stats struct {
	Names   []string // in its order
	Numbers map[string]int64
}

// Stats asks for STATS.
func (r *Relay) Stats() (*Stats, error) {
	fmt.Fprintln(r.in, "STATS")
	s := &Stats{Numbers: make(map[string]int64)}
	for r.out.Scan() {
		i := strings.LastIndexByte(r.out.Text(), ' ')
		n, err := strconv.ParseInt(r.out.Text()[i+1:], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("STATS says %q", r.out.Text())
		}
		name := strings.TrimSpace(r.out.Text()[:max(i, 0)])
		s.Names = append(s.Names, name)
		s.Numbers[name] = n
		if name == "heap KiB" { // the last line
			return s, nil
		}
	}
	return nil, errors.New("the relay has ended")
}

// Lingers is how long an ended connection may linger and its memory may be kept.
const Lingers = 20 * time.Second

// Quiet waits until nobody is there any more, and then for rest, or for Lingers in all.
func (r *Relay) Quiet(rest time.Duration) (*Stats, error) {
	quiet := time.Now()
	return r.await(Lingers, func(s *Stats) bool {
		if s.Numbers["sessions"] > 0 {
			quiet = time.Now()
		}
		return time.Since(quiet) >= rest
	})
}

// AsBefore waits until the relay is back to what it had before, or for so long.
func (r *Relay) AsBefore(before *Stats, most time.Duration) (*Stats, error) {
	return r.await(most, func(s *Stats) bool { return Leaks(before, s) == nil })
}

func (r *Relay) await(most time.Duration, done func(*Stats) bool) (*Stats, error) {
	for end := time.Now().Add(most); ; {
		time.Sleep(500 * time.Millisecond)
		s, err := r.Stats()
		if err != nil || done(s) || time.Now().After(end) {
			return s, err
		}
	}
}

// heapSlack is how much the live heap may grow by chance: buffers and maps that have grown.
const heapSlack = 1 << 10 // KiB

// Leaks is what the relay has more of than before.
func Leaks(before, after *Stats) (err error) {
	for name, slack := range map[string]int64{"sessions": 0, "goroutines": 0, "files": 0, "heap KiB": heapSlack} {
		if was, is := before.Numbers[name], after.Numbers[name]; is > was+slack {
			err = errors.Join(err, fmt.Errorf("%s of the relay: %d before, %d after", name, was, is))
		}
	}
	return err
}

// WriteText writes both side by side.
func WriteText(w io.Writer, before, after *Stats) {
	fmt.Fprintf(w, "\n%-28s%12s%12s\n", "relay", "before", "after")
	for _, name := range after.Names {
		fmt.Fprintf(w, "%-28s%12d%12d\n", name, before.Numbers[name], after.Numbers[name])
	}
}
