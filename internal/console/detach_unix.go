//go:build unix

package console

import (
	"os/signal"
	"syscall"
)

// Detach keeps a program alive that has lost its terminal or pipe: writing into a closed pipe is an error of that
// write and no signal, and neither reading nor writing a terminal from the background stops it.
func Detach() { signal.Ignore(syscall.SIGPIPE, syscall.SIGTTIN, syscall.SIGTTOU) }
