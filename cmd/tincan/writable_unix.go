//go:build unix

package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// writable tells whether we may write a file, or make files in a folder.
func writable(path string) error {
	if err := unix.Access(path, unix.W_OK); err != nil {
		return fmt.Errorf("cannot write there: %w", err)
	}
	return nil
}
