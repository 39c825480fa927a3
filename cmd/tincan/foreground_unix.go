//go:build unix && !solaris && !illumos && !aix

package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// inForeground tells whether a terminal is this process's at present: a job in the background (&) has none to draw on.
func inForeground(tty *os.File) bool {
	group, err := unix.IoctlGetInt(int(tty.Fd()), unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}
