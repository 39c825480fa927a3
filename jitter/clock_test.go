package jitter

import (
	"math"
	"slices"
	"testing"
	"time"
)

// Time goes on whatever the caller says: a time in the past is believed up to a second, one before that is a new start,
// and a leap counts as an hour.
func TestClock(t *testing.T) {
	const second, hour = SampleRate, 3600 * SampleRate
	for _, tt := range []struct {
		name string
		told []time.Duration
		want []int64
	}{
		{"from any start", []time.Duration{-time.Hour, -time.Hour + time.Second}, []int64{0, second}},
		{"a little back", []time.Duration{0, 10 * time.Second, 9500 * time.Millisecond, 10 * time.Second}, []int64{0, 10 * second, 9.5 * second, 10 * second}},
		{"as far back as is believed", []time.Duration{0, 10 * time.Second, 9 * time.Second}, []int64{0, 10 * second, 9 * second}},
		{"a little further", []time.Duration{0, 10 * time.Second, 8900 * time.Millisecond}, []int64{0, 10 * second, 10 * second}},
		{"far back", []time.Duration{0, 10 * time.Second, 5 * time.Second, 6 * time.Second}, []int64{0, 10 * second, 10 * second, 11 * second}},
		{"a leap", []time.Duration{0, 1000 * time.Hour, 1000*time.Hour + time.Second}, []int64{0, hour, hour + second}},
		{"the greatest leap", []time.Duration{math.MinInt64, math.MaxInt64}, []int64{0, hour}},
		{"all the way back", []time.Duration{math.MaxInt64, math.MinInt64, math.MinInt64 + time.Second}, []int64{0, 0, second}},
	} {
		var c clock
		var got []int64
		for _, now := range tt.told {
			got = append(got, c.at(now))
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v samples, want %v", tt.name, got, tt.want)
		}
	}
}

// Times that are no whole number of samples do not make it slow.
func TestClockKeepsPartsOfASample(t *testing.T) {
	var c clock
	for i := range 1_000_001 {
		c.at(time.Duration(i) * 7 * time.Microsecond)
	}
	if want := int64(7 * SampleRate); c.now != want {
		t.Errorf("7 s are %d samples, want %d", c.now, want)
	}
}
