package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tincan-voice/tincan/engine"
)

// startTime is how long a call must have lasted before what never worked in it is a fault, and not just young.
const startTime = 4 * time.Second

// faults is what was asked for and did not happen in a call that was not broken off: its exit code is 1 all the same.
type faults struct {
	source, sink, recording error // what they failed with
}

// note takes an event of the call.
func (f *faults) note(e engine.Event) {
	switch e := e.(type) {
	case engine.SourceEnded:
		f.source = e.Err
	case engine.SinkFailed:
		f.sink = e.Err
	}
}

// err returns the faults of a call in one sentence. silent says that its input has never given a sample.
func (f *faults) err(s engine.Stats, silent bool) error {
	var all []string
	if s.Link.Received == 0 && s.Time >= startTime {
		all = append(all, fmt.Sprintf("no datagram ever came back from %s, neither by UDP nor through the TCP tunnel", s.Link.Relay))
	}
	switch {
	case f.source != nil:
		all = append(all, fmt.Sprintf("the input failed during the call: %v", f.source))
	case silent && s.Time >= startTime:
		all = append(all, "nothing ever came from the input: does anybody write to it?")
	}
	if f.sink != nil {
		all = append(all, fmt.Sprintf("the output failed during the call: %v", f.sink))
	}
	if f.recording != nil {
		all = append(all, fmt.Sprintf("the recording failed: %v", f.recording))
	}
	for _, s := range s.Faults {
		if s.On && (s.Kind == engine.FaultInputFailed && f.source == nil || s.Kind == engine.FaultOutputFailed && f.sink == nil) {
			all = append(all, "at the end "+s.Text)
		}
	}
	if s.Reconnecting != "" {
		all = append(all, fmt.Sprintf("the connection was lost and did not come back: %s", s.Reconnecting))
	}
	if all == nil {
		return nil
	}
	return errors.New(strings.Join(all, "; "))
}
