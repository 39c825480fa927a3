package engine

import "errors"

// Errors of the cores, to match with errors.Is.
var (
	// ErrNoKeys: Talker.SetKeys has not been called.
	ErrNoKeys = errors.New("engine: no keys yet")
	// ErrRedundancy: a stride or an offset of copies is out of range.
	ErrRedundancy = errors.New("engine: redundancy out of range")
)
