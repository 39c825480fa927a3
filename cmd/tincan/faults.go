package main

import (
	"fmt"
	"time"

	"github.com/tincan-voice/tincan/engine"
)

// pathTime is how long a call must have lasted before a voice path that never worked is a fault, and not just young.
const pathTime = 4 * time.Second

// faults is what was asked for and did not happen in a call that was not broken off: its exit code is 1 all the same.
type faults struct {
	source, sink error
	reached      bool // the relay, by UDP
}

// note takes an event of the call.
func (f *faults) note(e engine.Event) {
	switch e := e.(type) {
	case engine.SourceEnded:
		f.source = e.Err
	case engine.SinkFailed:
		f.sink = e.Err
	case engine.VoicePath:
		f.reached = f.reached || e.Up
	}
}

// err returns the gravest fault of a call of that length.
func (f *faults) err(length time.Duration) error {
	switch {
	case !f.reached && length >= pathTime:
		return fmt.Errorf("nothing reached the relay by UDP in the whole call: open UDP of its port on the way, as well as TCP")
	case f.sink != nil:
		return fmt.Errorf("the output failed during the call: %w", f.sink)
	case f.source != nil:
		return fmt.Errorf("the input failed during the call: %w", f.source)
	}
	return nil
}
