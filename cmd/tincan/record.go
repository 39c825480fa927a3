package main

import (
	"cmp"
	"fmt"
	"time"

	"github.com/tincan-voice/tincan/engine"
	"github.com/tincan-voice/tincan/record"
)

// recordFolder is where recordings go that --record names no folder for.
const recordFolder = "recordings"

// recorder records a call in lines, on and off.
type recorder struct {
	dir  string
	tell *teller
	now  *record.Recorder // nil: nothing is recorded
	err  error            // of the last one that failed
	told bool             // that the relay does not tell the others

	untold bool          // as far as was seen last
	since  time.Duration // when that was seen first
}

// tellTime is how long the relay may take to tell the others, as after a lost connection.
const tellTime = 3 * time.Second

// toggle begins to record, or ends it.
func (r *recorder) toggle(call *engine.Call) {
	if r.now != nil {
		r.end()
		return
	}
	var err error
	if r.now, err = record.Start(call, cmp.Or(r.dir, recordFolder)); err != nil {
		r.err = err
		r.tell.warning(err.Error())
		return
	}
	on := true
	r.tell.say(jsonLine{Event: "recording", On: &on, Text: r.now.Dir()}, "recording into "+r.now.Dir()+"; the others are told")
}

// ended is closed when the recording under way has ended by itself.
func (r *recorder) ended() <-chan struct{} {
	if r.now == nil {
		return nil
	}
	return r.now.Done()
}

// end ends what is being recorded, if anything is.
func (r *recorder) end() {
	if r.now == nil {
		return
	}
	on, text := false, "recorded into "+r.now.Dir()
	if err := r.now.Stop(); err != nil {
		r.err = err
		text = fmt.Sprintf("the recording has ended: %v", err)
	}
	r.tell.say(jsonLine{Event: "recording", On: &on, Text: text}, text)
	r.now = nil
}

// look warns once if the others are not told.
func (r *recorder) look(s engine.Stats) {
	was := r.untold
	if r.untold = r.now != nil && !s.Announced; !was {
		r.since = s.Time
	}
	if r.untold && s.Time-r.since >= tellTime && !r.told {
		r.told = true
		r.tell.warning("this relay does not tell the others that you record: tell them yourself")
	}
}
