package engine

import (
	"slices"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/internal/netsim"
	"github.com/tincan-voice/tincan/netproto"
)

func TestPassage(t *testing.T) {
	const s = time.Second
	type answer struct {
		at         time.Duration
		sent, came uint16
	}
	tests := []struct {
		name    string
		answers []answer
		shut    bool
		since   time.Duration
	}{
		{"nothing known", nil, false, 0},
		{"silence", []answer{{0, 7, 3}, {2 * s, 7, 3}, {4 * s, 7, 3}}, false, 4 * s},
		{"all comes", []answer{{0, 0, 0}, {s, 50, 49}, {2 * s, 100, 99}}, false, 2 * s},
		{"half comes", []answer{{0, 0, 0}, {s, 50, 25}, {2 * s, 100, 50}}, false, 2 * s},
		{"nothing comes", []answer{{0, 0, 0}, {s, 50, 50}, {2 * s, 100, 50}, {3 * s, 150, 50}}, true, s},
		{"one in 25 comes", []answer{{0, 0, 0}, {s, 50, 2}, {2 * s, 100, 4}}, true, 0},
		{"nothing comes, the counters wrap", []answer{{0, 65500, 65535}, {s, 14, 65535}, {2 * s, 64, 65535}}, true, 0},
		{"too little is said", []answer{{0, 0, 0}, {s, 9, 0}, {2 * s, 19, 0}}, false, 0},
		{"an outage of two seconds", []answer{{0, 0, 0}, {s, 50, 50}, {3 * s, 150, 50}, {4 * s, 200, 100}}, false, 4 * s},
		{"an outage at the end of a sentence", []answer{{0, 0, 0}, {s, 50, 0}, {2 * s, 50, 0}, {3 * s, 50, 0}}, false, 0},
		{"a long outage", []answer{{0, 0, 0}, {s, 50, 50}, {9 * s, 450, 50}, {10 * s, 460, 51}}, false, 9 * s},
		{"voice comes again", []answer{{0, 0, 0}, {s, 50, 0}, {2 * s, 100, 0}, {3 * s, 150, 20}}, false, 3 * s},
		{"silence after that", []answer{{0, 0, 0}, {s, 50, 0}, {2 * s, 100, 0}, {9 * s, 100, 0}}, true, 0},
	}
	for _, tt := range tests {
		var p passage
		for _, a := range tt.answers {
			p.answered(a.at, a.sent, a.came)
		}
		if p.shut != tt.shut || p.since != tt.since {
			t.Errorf("%s: %+v", tt.name, p)
		}
	}
}

// Voice that is held back goes out again with the first answer once the path works. This is how much speech longer
// intervals than probeHurry would cost; docs/repair.md has the table.
func TestProbeHurryIsWorthIt(t *testing.T) {
	const way, seeds = 60 * time.Millisecond, 400
	tests := []struct {
		every      time.Duration
		loss       float64 // each way
		mean, late time.Duration
	}{
		{probeHurry, 0, 250 * time.Millisecond, 350 * time.Millisecond},
		{probeHurry, 0.3, 500 * time.Millisecond, 1200 * time.Millisecond},
		{500 * time.Millisecond, 0, 400 * time.Millisecond, 650 * time.Millisecond},
		{500 * time.Millisecond, 0.3, time.Second, 2500 * time.Millisecond},
		{time.Second, 0, 650 * time.Millisecond, 1150 * time.Millisecond},
		{time.Second, 0.3, 2 * time.Second, 6 * time.Second},
	}
	for _, tt := range tests {
		var waits []time.Duration
		var sum time.Duration
		for seed := range uint64(seeds) {
			loss := netsim.Loss(tt.loss, seed)
			var p probes
			p.next(0, 0, false)
			p.ack(2*way, netproto.ProbeAck{}, 0)
			works := 20*time.Second + time.Duration(seed)*7*time.Millisecond
			last, answer := time.Duration(0), time.Duration(0)
			for now := time.Duration(0); answer == 0 || now < answer; now += tickTime {
				if now < max(p.due(now, true), last+tt.every) {
					continue
				}
				last = now
				p.next(now, 0, false)
				if now+way >= works && loss.Send(now, 29).Copies+loss.Send(now, 29).Copies == 2 && answer == 0 {
					answer = now + 2*way
				}
			}
			waits, sum = append(waits, answer-works), sum+answer-works
		}
		slices.Sort(waits)
		mean, late := sum/seeds, waits[seeds*95/100]
		t.Logf("every %v, %.0f %% lost each way: %v, one in 20 times above %v", tt.every, 100*tt.loss, mean.Round(10*time.Millisecond), late)
		if mean > tt.mean || late > tt.late {
			t.Errorf("every %v, %.0f %% lost each way: %v, one in 20 times above %v", tt.every, 100*tt.loss, mean, late)
		}
	}
}
