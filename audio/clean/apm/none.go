//go:build !cgo || !webrtc

package apm

import "time"

// Built tells whether this program has it.
const Built = false

// Processor does not exist here.
type Processor struct{}

// New fails.
func New(_, _ bool) (*Processor, error) { return nil, ErrNotBuilt }

// Gentle does nothing.
func (*Processor) Gentle(bool) {}

// Played does nothing.
func (*Processor) Played(*Block) {}

// Clean does nothing.
func (*Processor) Clean(*Block, time.Duration) {}
