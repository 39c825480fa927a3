package jitter

import (
	"math"
	"time"
)

// clock turns the caller's time into samples since the first call, and keeps it
// usable whatever the caller says: it never runs back by more than a little, and a
// leap counts as an hour at most.
type clock struct {
	started bool
	last    time.Duration // latest time told
	now     int64         // the same in samples
	rest    int64         // part of a sample carried on, in ns*48000
}

const (
	clockSlack = time.Second // a time in the past is believed up to here
	clockLeap  = time.Hour
)

// at is the time in samples.
func (c *clock) at(now time.Duration) int64 {
	if !c.started {
		c.started, c.last = true, now
		return 0
	}
	switch {
	case now >= c.last:
		gone := now - c.last
		if gone < 0 || gone > clockLeap { // the subtraction may have overflowed
			gone = clockLeap
		}
		c.rest += int64(gone) * SampleRate
		c.now += c.rest / int64(time.Second)
		c.rest %= int64(time.Second)
		c.last = now
	case now < math.MinInt64+clockSlack || c.last-now > clockSlack || c.last-now < 0:
		c.last = now // started over: time goes on from here
	default:
		return c.now - samples(c.last-now)
	}
	return c.now
}

// samples is how many samples last d.
func samples(d time.Duration) int64 {
	return int64(d/time.Microsecond) * (SampleRate / 1000) / 1000
}

// duration is how long n samples last.
func duration(n int64) time.Duration {
	return time.Duration(n) * (time.Second / 1000) / (SampleRate / 1000)
}
