package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// `tincan join ... &` in a terminal goes on: it is not stopped for reading the terminal, nor for writing to one
// that does not let programs in the background (stty tostop).
func TestBackgroundOfATerminal(t *testing.T) {
	_, tty := openTerminal(t)
	state, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	state.Lflag |= unix.TOSTOP
	if err := unix.IoctlSetTermios(int(tty.Fd()), unix.TCSETS, state); err != nil {
		t.Fatal(err)
	}
	shell := &process{t: t, cmd: exec.Command(os.Args[0], startTestRelay(t), filepath.Join(t.TempDir(), "known"))}
	shell.cmd.Env = append(os.Environ(), asProgram+"=background")
	shell.cmd.Stdin, shell.cmd.Stdout, shell.cmd.Stderr = tty, tty, tty
	shell.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := shell.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Kill(-shell.cmd.Process.Pid, syscall.SIGKILL) }()
	if code := shell.ends(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// startInBackground is the shell of that terminal: it runs tincan as a job in the background.
func startInBackground() {
	job := exec.Command(os.Args[0], "join", os.Args[1], "--name", "Ann", "--known-relays", os.Args[2],
		"--in", "none", "--out", "none", "--for", "500ms")
	job.Env = append(os.Environ(), asProgram+"=tincan")
	job.Stdin, job.Stdout, job.Stderr = os.Stdin, os.Stdout, os.Stderr
	job.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := job.Start(); err != nil {
		os.Exit(3)
	}
	var state syscall.WaitStatus
	if _, err := syscall.Wait4(job.Process.Pid, &state, syscall.WUNTRACED, nil); err != nil || state.Stopped() {
		_ = job.Process.Kill()
		os.Exit(4)
	}
	os.Exit(state.ExitStatus())
}
