package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// openTerminal makes a terminal: tty is what programs have, master what the user sees and types.
func openTerminal(t *testing.T) (master, tty *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(int(master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80}); err != nil {
		t.Fatal(err)
	}
	if tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tty.Close() })
	return master, tty
}

// user sits at a terminal.
type user struct {
	t           *testing.T
	master, tty *os.File
	before      *unix.Termios

	mu   sync.Mutex
	seen bytes.Buffer
}

func newUser(t *testing.T) *user {
	t.Helper()
	u := &user{t: t}
	u.master, u.tty = openTerminal(t)
	u.before = u.modes()
	go func() {
		b := make([]byte, 4096)
		for {
			n, err := u.master.Read(b)
			if err != nil {
				return
			}
			u.mu.Lock()
			u.seen.Write(b[:n])
			u.mu.Unlock()
		}
	}()
	return u
}

func (u *user) modes() *unix.Termios {
	u.t.Helper()
	modes, err := unix.IoctlGetTermios(int(u.tty.Fd()), unix.TCGETS)
	if err != nil {
		u.t.Fatal(err)
	}
	return modes
}

// sees waits until the terminal was sent a text.
func (u *user) sees(text string) {
	u.t.Helper()
	u.waits(text, func() bool {
		u.mu.Lock()
		defer u.mu.Unlock()
		return strings.Contains(u.seen.String(), text)
	})
}

// hasTerminal waits until the terminal is as before the program.
func (u *user) hasTerminal() {
	u.t.Helper()
	u.sees("\x1b[?1049l") // the other screen is left
	u.waits("a terminal as before", func() bool { return *u.modes() == *u.before })
}

func (u *user) forgets() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.seen.Reset()
}

func (u *user) waits(what string, done func() bool) {
	u.t.Helper()
	for end := time.Now().Add(20 * time.Second); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			u.mu.Lock()
			defer u.mu.Unlock()
			u.t.Fatalf("no %q in %q", what, u.seen.String())
		}
	}
}

func (u *user) types(keys string) {
	u.t.Helper()
	if _, err := u.master.WriteString(keys); err != nil {
		u.t.Fatal(err)
	}
}

// starts begins tincan there.
func (u *user) starts(args ...string) *process {
	u.t.Helper()
	p := &process{t: u.t, cmd: exec.Command(os.Args[0], args...)}
	dir := u.t.TempDir()
	p.cmd.Env = append(os.Environ(), asProgram+"=tincan", "TERM=xterm-256color", "LC_ALL=C.UTF-8", "XDG_STATE_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = u.tty, u.tty, u.tty
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := p.cmd.Start(); err != nil {
		u.t.Fatal(err)
	}
	u.t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	return p
}

func TestFullScreen(t *testing.T) {
	relay := startTestRelay(t)
	join := []string{"join", relay, "--name", "Änne", "--in", "none", "--out", "none"}
	for _, tt := range []struct {
		name string
		end  func(*user, *process)
		code int
		says string
	}{
		{"key", func(u *user, _ *process) { u.types("q") }, 0, "in the room; sent"},
		{"SIGTERM", func(_ *user, p *process) { p.signal(syscall.SIGTERM) }, 0, "in the room; sent"},
		{"SIGHUP", func(_ *user, p *process) { p.signal(syscall.SIGHUP) }, 0, "in the room; sent"},
		{"SIGKILL", func(_ *user, p *process) { p.signal(syscall.SIGKILL) }, -1, ""},
		{"a crash", func(_ *user, p *process) { p.signal(syscall.SIGQUIT) }, 2, "SIGQUIT: quit"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			u := newUser(t)
			p := u.starts(join...)
			u.sees("LISTENING ONLY")
			u.sees("Änne")
			tt.end(u, p)
			if code := p.ends(); code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			u.hasTerminal()
			u.sees(tt.says)
		})
	}
}

// A terminal that tells when keys are let go (it answers for the protocol of kitty, events included) has Space talk for as long
// as it is held.
func TestPushToTalkOnATerminal(t *testing.T) {
	u := newUser(t)
	p := u.starts("join", startTestRelay(t), "--name", "Ann", "--in", "tone", "--out", "none", "--muted")
	u.types("\x1b[?3u")
	u.sees("hold Space to talk")
	u.types(" ")
	u.sees("as long as you hold")
	u.forgets()
	u.types("\x1b[32;1:3u")
	u.sees("nobody hears you")
	u.types("q")
	if code := p.ends(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// tincan alone asks, and says what is wrong in place.
func TestFullScreenAsks(t *testing.T) {
	relay := startTestRelay(t)
	u := newUser(t)
	p := u.starts()
	u.sees("Your name")
	u.types(relay + "\r")
	u.sees("your name, please")
	u.types("\x1b") // ends
	if code := p.ends(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	u.hasTerminal()
}

func TestLinesOnATerminal(t *testing.T) {
	relay := startTestRelay(t)
	u := newUser(t)
	p := u.starts("join", relay, "--name", "Ann", "--in", "none", "--out", "none", "--plain")
	u.sees("joined the default room")
	u.types("q\n")
	if code := p.ends(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
