//go:build !linux

package swarm

import "time"

// alarm wakes one goroutine on time, as well as the system can.
type alarm struct{}

func newAlarm() (*alarm, error) { return &alarm{}, nil }

func (*alarm) sleep(d time.Duration) { time.Sleep(d) }

func (*alarm) close() {}
