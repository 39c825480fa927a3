package main

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
	"time"
)

// relay is a tincand with its console.
type relay struct {
	address string
	cmd     *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Scanner
	log     string // file with its standard error
}

// startRelay builds a tincand and starts it on a free port. When ctx ends it is killed.
func startRelay(ctx context.Context, dir string, race bool) (*relay, error) {
	program := filepath.Join(dir, "tincand")
	args := []string{"build", "-o", program}
	if race {
		args = append(args, "-race")
	}
	build := exec.CommandContext(ctx, "go", append(args, "github.com/tincan-voice/tincan/cmd/tincand")...)
	if text, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build: %w: %s", err, text)
	}
	r := &relay{log: filepath.Join(dir, "log")}
	log, err := os.Create(r.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	r.cmd = exec.CommandContext(ctx, program, "0", "--host", "127.0.0.1", "--state", dir, "--hold", "1s")
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
	r.out.Scan()
	address := regexp.MustCompile(`listens on (\S+),`).FindStringSubmatch(r.out.Text())
	if address == nil {
		return nil, errors.Join(fmt.Errorf("the relay says %q", r.out.Text()), r.stop())
	}
	r.address = address[1]
	return r, nil
}

// stop stops the relay. The error says how it ended, if not well, and how many races were
// found in it.
func (r *relay) stop() error {
	fmt.Fprintln(r.in, "STOP")
	for r.out.Scan() {
	}
	err := r.cmd.Wait()
	if err != nil {
		err = fmt.Errorf("the relay: %w", err)
	}
	text, readErr := os.ReadFile(r.log)
	races := bytes.Count(text, []byte("DATA RACE"))
	if races > 0 || bytes.Contains(text, []byte("panic")) {
		err = errors.Join(err, fmt.Errorf("%d races; its log ends with\n%s", races, text[max(0, len(text)-8000):]))
	}
	return errors.Join(err, readErr)
}

// stats is what STATS says.
type stats struct {
	names   []string // in its order
	numbers map[string]int64
}

func (r *relay) stats() (*stats, error) {
	fmt.Fprintln(r.in, "STATS")
	s := &stats{numbers: make(map[string]int64)}
	for r.out.Scan() {
		i := strings.LastIndexByte(r.out.Text(), ' ')
		n, err := strconv.ParseInt(r.out.Text()[i+1:], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("STATS says %q", r.out.Text())
		}
		name := strings.TrimSpace(r.out.Text()[:max(i, 0)])
		s.names = append(s.names, name)
		s.numbers[name] = n
		if name == "heap KiB" { // the last line
			return s, nil
		}
	}
	return nil, errors.New("the relay has ended")
}

const (
	// quietTime is how long an ended connection may linger and its memory may be kept.
	quietTime = 20 * time.Second
	quietStep = time.Second
)

// quiet waits until nobody is there any more and the relay is back to what it had before, or
// for quietTime.
func (r *relay) quiet(before *stats) (s *stats, err error) {
	for end := time.Now().Add(quietTime); ; {
		time.Sleep(quietStep)
		if s, err = r.stats(); err != nil || time.Now().After(end) {
			return s, err
		}
		if before == nil && s.numbers["sessions"] == 0 && time.Until(end) < quietTime/2 || before != nil && leaks(before, s) == nil {
			return s, nil
		}
	}
}
