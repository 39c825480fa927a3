package main

import (
	"errors"
	"fmt"
	"strings"
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

// err returns the faults of a call of that length in one sentence.
func (f *faults) err(length time.Duration) error {
	var all []string
	if !f.reached && length >= pathTime {
		all = append(all, "nothing reached the relay by UDP in the whole call: UDP of its port must be open, as well as TCP")
	}
	if f.source != nil {
		all = append(all, fmt.Sprintf("the input failed during the call: %v", f.source))
	}
	if f.sink != nil {
		all = append(all, fmt.Sprintf("the output failed during the call: %v", f.sink))
	}
	if all == nil {
		return nil
	}
	return errors.New(strings.Join(all, "; "))
}
