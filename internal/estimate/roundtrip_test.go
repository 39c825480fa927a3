package estimate

import (
	"testing"
	"time"
)

func TestRoundTrip(t *testing.T) {
	const ms = time.Millisecond
	tests := []struct {
		name    string
		answers []time.Duration
		want    time.Duration
	}{
		{"none", nil, 0},
		{"the first one counts", []time.Duration{80 * ms}, 80 * ms},
		{"down at once", []time.Duration{80 * ms, 40 * ms}, 40 * ms},
		{"one that waited says nothing", []time.Duration{40 * ms, 900 * ms}, 40 * ms},
		{"two that waited do, an eighth of the way", []time.Duration{40 * ms, 900 * ms, 840 * ms}, 140 * ms},
		{"an end stood still for 30 s", []time.Duration{40 * ms, 30 * time.Second, 20 * time.Second, 10 * time.Second, 3 * time.Second}, 40 * ms},
		{"nonsense", []time.Duration{40 * ms, 0, -5 * ms}, 40 * ms},
	}
	for _, tt := range tests {
		var r RoundTrip
		for _, a := range tt.answers {
			r.Add(a)
		}
		if r.Value() != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, r.Value(), tt.want)
		}
	}
	var r RoundTrip
	for range 40 {
		r.Add(200 * ms)
	}
	r.Add(50 * ms)
	for range 40 {
		r.Add(100 * ms)
	}
	if v := r.Value(); v < 95*ms || v > 100*ms || r.Least() != 50*ms {
		t.Errorf("a path that got longer: %v, least %v", v, r.Least())
	}
}
