//go:build unix

package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// leastFiles is how many files must be allowed to be open: a call takes 10, sound and what was open before come
// besides. With fewer than 7 Go's runtime could not even say what is wrong.
const leastFiles = 24

// checkFiles tells whether enough files may be open.
func checkFiles() error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err == nil && limit.Cur < leastFiles {
		return fmt.Errorf("only %d files may be open at a time and a call takes more: allow %d at least (ulimit -n)", limit.Cur, leastFiles)
	}
	return nil
}
