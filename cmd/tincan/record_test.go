package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/engine"
	"github.com/tincan-voice/tincan/record"
)

// Who records is warned of a relay that tells nobody, but not while it has not had the time to.
func TestRelayTellsNobody(t *testing.T) {
	var out bytes.Buffer
	tell := newTeller(&out, false)
	r := recorder{tell: tell, now: &record.Recorder{}}
	for i, announced := range []bool{false, true, false, true, false, false, false} {
		warned := r.told
		r.look(engine.Stats{Time: time.Duration(i) * statsEvery, Announced: announced})
		if r.told != (i >= 5) || warned && !r.told {
			t.Errorf("look %d: warned %v", i, r.told)
		}
	}
	tell.close(flushTime)
	if n := strings.Count(out.String(), "tell them yourself"); n != 1 {
		t.Errorf("%d warnings:\n%s", n, out.String())
	}
}
