//go:build linux || darwin || freebsd || netbsd || openbsd

package guard

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/charmbracelet/x/ansi"
	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// guardVar is set for the process that guards the terminal of another one.
const guardVar = "TINCAN_GUARDS_TERMINAL"

// keptText is how much of what was written on standard error is shown in the end.
const keptText = 64 << 10

// Terminal keeps the terminal of a full-screen program fit for use, whatever becomes of the program: a panic in any
// goroutine, a fault of a C library, SIGKILL. Another process, of the same program, waits for the end of this one, and
// restores the terminal unless release was called. All that is written on file descriptor 2 meanwhile goes there
// instead of across the screen; it is shown if the program breaks, or if release is told that it failed.
func Terminal(tty *os.File) (release func(failed bool), err error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	texts, ours, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer texts.Close()
	defer ours.Close()
	ready, told, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer ready.Close()
	guard := exec.Command(exe)
	guard.Args[0] = "tincan (guards the terminal)"
	guard.Env = append(os.Environ(), guardVar+"=1")
	guard.Stdin, guard.Stdout, guard.Stderr, guard.ExtraFiles = texts, tty, os.Stderr, []*os.File{told}
	err = guard.Start()
	told.Close()
	if err != nil {
		return nil, err
	}
	if _, err := ready.Read(make([]byte, 1)); err != nil {
		return nil, fmt.Errorf("the guard of the terminal does not begin: %w", guard.Wait())
	}
	before, err := unix.Dup(2)
	if err != nil {
		return nil, err
	}
	unix.CloseOnExec(before)
	if err := dup(int(ours.Fd()), 2); err != nil {
		return nil, err
	}
	return func(failed bool) {
		if !failed {
			_ = guard.Process.Kill()
		}
		_ = dup(before, 2) // the guard sees the end of it
		_ = unix.Close(before)
		_ = guard.Wait()
	}, nil
}

// Main does what the guard does, and reports whether this process is one. Call it first of all.
func Main() bool {
	if os.Getenv(guardVar) == "" {
		return false
	}
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGTTOU, syscall.SIGPIPE)
	state, err := term.GetState(int(os.Stdout.Fd()))
	if err != nil {
		return true
	}
	told := os.NewFile(3, "told")
	_, _ = told.Write([]byte{1})
	told.Close()
	text := keep(os.Stdin, keptText)
	_, _ = os.Stdout.WriteString(asBefore)
	_ = term.Restore(int(os.Stdout.Fd()), state)
	_, _ = os.Stderr.Write(text)
	return true
}

// asBefore undoes what a full-screen program has a terminal do.
const asBefore = ansi.ResetModeSynchronizedOutput + ansi.ResetModifyOtherKeys + "\x1b[<1u" + ansi.ResetModeAltScreenSaveCursor +
	ansi.ResetModeBracketedPaste + ansi.ResetModeFocusEvent + ansi.ResetModeUnicodeCore + ansi.SetModeTextCursorEnable + ansi.ResetStyle

// keep reads to the end, and returns the last bytes of it.
func keep(r io.Reader, most int) (last []byte) {
	b := make([]byte, 4096)
	for {
		n, err := r.Read(b)
		last = append(last, b[:n]...)
		last = last[max(len(last)-most, 0):]
		if err != nil {
			return last
		}
	}
}
