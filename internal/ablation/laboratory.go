package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// laboratory builds this program with a change in it and lets it make the calls.
type laboratory struct {
	options
	program, overlay, source string // files that each change writes anew
	plain                    []call
	patience                 time.Duration // for calls and tests that a change makes slow or endless
}

// result is what a change did.
type result struct {
	change
	calls   []call   // those of the baseline, in its order; nil if they could not be made
	plain   []call   // the baseline
	failure string   // why there are none
	failed  []string // tests
}

// baseline makes the calls with the code as it is, and runs the tests, which have to pass.
func (l *laboratory) baseline(ctx context.Context) error {
	if err := os.WriteFile(l.overlay, []byte("{}"), 0o600); err != nil {
		return err
	}
	begin := time.Now()
	l.patience = time.Hour
	calls, failure := l.measure(ctx)
	if failure != "" {
		return errors.New("the code as it is: " + failure)
	}
	l.plain = calls
	for pkg := range strings.SplitSeq(l.packages, ",") {
		if !l.tests {
			break
		}
		if failed := l.test(ctx, pkg); len(failed) > 0 {
			return fmt.Errorf("the tests of %s fail with the code as it is: %s", pkg, strings.Join(failed, ", "))
		}
	}
	l.patience = time.Minute + 10*time.Since(begin)
	return context.Cause(ctx)
}

// try makes one change. Its error says that nothing can be tried, or that ctx ended.
func (l *laboratory) try(ctx context.Context, c change) (result, error) {
	r := result{change: c, plain: l.plain}
	if err := l.put(c); err != nil {
		return r, err
	}
	r.calls, r.failure = l.measure(ctx)
	if l.tests {
		r.failed = l.test(ctx, c.pkg)
	}
	return r, context.Cause(ctx)
}

// put writes the changed file, and the overlay that names it.
func (l *laboratory) put(c change) error {
	source, err := os.ReadFile(c.file)
	if err != nil {
		return err
	}
	path, err := filepath.Abs(c.file)
	if err != nil {
		return err
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{path: l.source}})
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(l.source, c.apply(source), 0o600), os.WriteFile(l.overlay, overlay, 0o600))
}

// apply returns a file's source with the change in it.
func (c change) apply(source []byte) []byte {
	to := c.to
	switch to {
	case half:
		to = "(" + c.text + ") / 2"
	case double:
		to = "(" + c.text + ") * 2"
	case never:
		to = " return false;"
	case always:
		to = " return true;"
	}
	return bytes.Join([][]byte{source[:c.begin], []byte(to), source[c.end:]}, nil)
}

// measure makes the calls in a process of its own, as a change may make it panic or hang.
func (l *laboratory) measure(ctx context.Context) (calls []call, failure string) {
	if l.seeds == 0 {
		return nil, ""
	}
	build := command(ctx, "go", "build", "-ldflags=-s -w", "-overlay", l.overlay, "-o", l.program, "github.com/tincan-voice/tincan/internal/ablation")
	if text, err := build.CombinedOutput(); err != nil {
		return nil, "does not build: " + reason(text, err)
	}
	plain, err := json.Marshal(l.plain)
	if err != nil {
		return nil, err.Error()
	}
	ctx, cancel := context.WithTimeout(ctx, l.patience)
	defer cancel()
	cmd := command(ctx, l.program, "-measure", "-networks", l.networks, "-seconds", strconv.Itoa(l.seconds), "-seeds", strconv.Itoa(l.seeds))
	var text bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(plain), &text
	out, err := cmd.Output()
	switch {
	case errors.Is(context.Cause(ctx), context.DeadlineExceeded):
		return nil, "does not end"
	case err != nil:
		return nil, "fails: " + reason(text.Bytes(), err)
	}
	if err := json.Unmarshal(out, &calls); err != nil {
		return nil, "fails: " + err.Error()
	}
	return calls, ""
}

// failing finds the names of tests in the output of go test, without their subtests.
var failing = regexp.MustCompile(`(?m)^--- FAIL: (\w+)`)

// test runs the tests of a package and returns those that fail.
func (l *laboratory) test(ctx context.Context, pkg string) (failed []string) {
	text, err := command(ctx, "go", "test", "-vet=off", "-timeout="+l.patience.String(), "-overlay", l.overlay, "./"+pkg).CombinedOutput()
	for _, m := range failing.FindAllSubmatch(text, -1) {
		failed = append(failed, string(m[1]))
	}
	if err != nil && len(failed) == 0 {
		failed = []string{reason(text, err)} // it does not build, panics or hangs
	}
	return failed
}

// command is a program that is interrupted when ctx ends, so that it ends what it has begun, and killed if that takes
// too long.
func command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// reason is the line of a program's output that says why it failed.
func reason(text []byte, err error) string {
	for line := range bytes.Lines(text) {
		if line := bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
			return string(line[:min(len(line), 100)])
		}
	}
	return fmt.Sprint(err)
}
