//go:build !linux

package udpio

import (
	"errors"
	"os"
)

func files([]Conn) ([]*os.File, error) { return nil, errors.ErrUnsupported }

func adopt([]*os.File) ([]Conn, error) { return nil, errors.ErrUnsupported }

func part([]Conn, int, bool) error { return errors.ErrUnsupported }
