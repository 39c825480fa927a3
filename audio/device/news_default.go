//go:build !linux

package device

import "errors"

// news is nothing here.
type news struct{}

// openNews fails: that devices come and go is not told.
func openNews() (*news, error) { return nil, errors.ErrUnsupported }

func (*news) wait() bool   { return false }
func (*news) Close() error { return nil }
