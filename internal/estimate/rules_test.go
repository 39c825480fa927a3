package estimate

import (
	"testing"
	"time"
)

// Two paths that lose nothing do so one after the other.
func TestSeriesOfCleanPaths(t *testing.T) {
	if c := (Channel{}).Series(Channel{Memory: 0.5}); c != (Channel{}) {
		t.Errorf("%+v", c)
	}
}

// However seldom datagrams come, a steady delay is known and has no trend.
func TestQueueOfWhatComesSeldom(t *testing.T) {
	for _, every := range []time.Duration{20 * ms, 120 * ms, 190 * ms} {
		var q Queue
		for sent := time.Duration(0); sent < 20*time.Second; sent += every {
			q.Arrived(sent+80*ms, sent)
			if sent < time.Second {
				continue
			}
			if d, trend := q.Delay(sent+80*ms), q.Trend(sent+80*ms); d != 0 || trend < -0.001 || trend > 0.001 {
				t.Fatalf("every %v: a queue of %v, trend %v", every, d, trend)
			}
		}
	}
}
