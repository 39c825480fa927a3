package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The test binary is tincan itself when this variable asks for it: signals and pipes need a process.
const asProgram = "TINCAN_TEST_PROGRAM"

func TestMain(m *testing.M) {
	switch os.Getenv(asProgram) {
	case "tincan":
		main()
	case "hang": // a program that does not end when it is asked to
		endOnSignals(func() { fmt.Println("ending") })
		fmt.Println("ready")
		select {}
	case "background":
		startInBackground()
	default:
		// Where the tests themselves run under nohup, what they start would not hear a hang-up either.
		if signal.Ignored(syscall.SIGHUP) {
			signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
		}
		os.Exit(m.Run())
	}
}

// process is a running tincan.
type process struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
	err strings.Builder
	raw io.Closer // the read end of its standard output
}

func startProcess(t *testing.T, as string, args ...string) *process {
	t.Helper()
	return start(t, as, exec.Command(os.Args[0], args...))
}

func start(t *testing.T, as string, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{t: t, cmd: cmd}
	p.cmd.Env = append(os.Environ(), asProgram+"="+as, "XDG_CONFIG_HOME="+os.DevNull)
	p.cmd.Stderr = &p.err
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stdout, p.raw, p.out = w, r, bufio.NewScanner(r)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		_ = r.Close()
	})
	return p
}

func startJoin(t *testing.T, relay string, args ...string) *process {
	return startProcess(t, "tincan", joinArgs(t, relay, args...)...)
}

func joinArgs(t *testing.T, relay string, args ...string) []string {
	return append([]string{"join", relay, "--name", "Ann", "--known-relays", filepath.Join(t.TempDir(), "known"), "--out", "none"}, args...)
}

// wait reads lines until one has the text.
func (p *process) wait(text string) {
	p.t.Helper()
	limit := time.AfterFunc(time.Minute, func() { _ = p.cmd.Process.Kill() })
	defer limit.Stop()
	for p.out.Scan() {
		if strings.Contains(p.out.Text(), text) {
			return
		}
	}
	p.t.Fatalf("it ended without saying %q: %s", text, &p.err)
}

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// ends waits for the end, which must come by itself, and returns the exit code: -1 if a signal killed it.
func (p *process) ends() int {
	p.t.Helper()
	end := make(chan error, 1)
	go func() { end <- p.cmd.Wait() }()
	select {
	case <-end:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(time.Minute):
		p.t.Fatal("it does not end")
		return 0
	}
}

func TestClosedPipeDoesNotEndTheCall(t *testing.T) {
	p := startJoin(t, startTestRelay(t), "--in", "none")
	p.wait("joined")
	p.raw.Close() // as `| head -1` does
	fmt.Fprintln(p.in, "m")
	fmt.Fprintln(p.in, "m")
	fmt.Fprintln(p.in, "q")
	if code := p.ends(); code != 0 {
		t.Errorf("exit code %d: %s", code, &p.err)
	}
}

func TestFullPipeDoesNotStopTheCall(t *testing.T) {
	p := startJoin(t, startTestRelay(t), "--in", "none")
	p.wait("joined")
	for range 5000 { // each is answered with a line: more than a pipe and the queue hold
		fmt.Fprintln(p.in, "what?")
	}
	fmt.Fprintln(p.in, "q")
	if code := p.ends(); code != 0 {
		t.Errorf("exit code %d: %s", code, &p.err)
	}
}

func TestSignalsLeaveTheRoom(t *testing.T) {
	relay := startTestRelay(t)
	for _, s := range []os.Signal{syscall.SIGHUP, syscall.SIGTERM, os.Interrupt} {
		p := startJoin(t, relay, "--in", "none")
		p.wait("joined")
		p.signal(s)
		p.wait("in the room; sent")
		if code := p.ends(); code != 0 {
			t.Errorf("%v: exit code %d: %s", s, code, &p.err)
		}
	}
}

// Under nohup the end of the terminal is not the end of the call.
func TestNohup(t *testing.T) {
	args := joinArgs(t, startTestRelay(t), "--in", "none")
	p := start(t, "tincan", exec.Command("sh", append([]string{"-c", `trap "" HUP; exec "$0" "$@"`, os.Args[0]}, args...)...))
	p.wait("joined")
	p.signal(syscall.SIGHUP)
	fmt.Fprintln(p.in, "m")
	p.wait("muted")
	p.signal(syscall.SIGTERM)
	p.wait("in the room; sent")
	if code := p.ends(); code != 0 {
		t.Errorf("exit code %d: %s", code, &p.err)
	}
}

func TestSecondInterruptEndsAtOnce(t *testing.T) {
	p := startProcess(t, "hang")
	p.wait("ready")
	p.signal(os.Interrupt)
	p.wait("ending")
	p.signal(syscall.SIGHUP) // a shell sends it to all its jobs once more
	time.Sleep(2 * oneSignal)
	p.signal(os.Interrupt)
	if code := p.ends(); code != 1 {
		t.Errorf("exit code %d", code)
	}
}

func TestFIFOThatNobodyWrites(t *testing.T) {
	relay := startTestRelay(t)
	fifo := filepath.Join(t.TempDir(), "speech.wav")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	p := startJoin(t, relay, "--in", fifo)
	p.wait("joined")
	p.signal(os.Interrupt)
	if code := p.ends(); code != 0 {
		t.Errorf("exit code %d: %s", code, &p.err)
	}
	p = startJoin(t, relay, "--in", fifo, "--for", "300ms")
	p.wait("in the room; sent")
	if code := p.ends(); code != 0 {
		t.Errorf("exit code %d: %s", code, &p.err)
	}
}

// Where too few files may be open that is said, in one line.
func TestTooFewFiles(t *testing.T) {
	cmd := exec.Command("sh", "-c", `ulimit -n 20; exec "$0" version`, os.Args[0])
	cmd.Env = append(os.Environ(), asProgram+"=tincan")
	out, err := cmd.CombinedOutput()
	if text := string(out); cmd.ProcessState.ExitCode() != 1 || !strings.Contains(text, "ulimit -n") || strings.Count(text, "\n") != 1 {
		t.Errorf("%v: %s", err, text)
	}
}
