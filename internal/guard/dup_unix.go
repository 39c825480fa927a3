//go:build darwin || freebsd || netbsd || openbsd

package guard

import "golang.org/x/sys/unix"

// dup makes one file descriptor another name of a file.
func dup(file, as int) error { return unix.Dup2(file, as) }
