//go:build !linux

package engine

import (
	"errors"
	"io"
)

// openNetwatch fails: changes are found by looking.
func openNetwatch() (io.ReadCloser, error) { return nil, errors.ErrUnsupported }
