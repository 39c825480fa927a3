package netsim

import "time"

// Rate is a link of so many bit/s with a drop-tail queue: a datagram that would wait longer than
// queue is dropped. IP and UDP headers count (HeaderBytes). The order is kept.
func Rate(bitsPerSecond float64, queue time.Duration) Link {
	return &rate{bps: bitsPerSecond, queue: queue}
}

type rate struct {
	bps   float64
	queue time.Duration
	busy  time.Duration // until when the link sends what it has
}

func (r *rate) Send(now time.Duration, size int) Fate {
	start := max(now, r.busy)
	if start-now > r.queue {
		return Lost
	}
	r.busy = start + time.Duration(float64(8*(size+HeaderBytes))/r.bps*float64(time.Second))
	return Arrive(r.busy)
}

// Step is one part of a Schedule.
type Step struct {
	From time.Duration
	Link Link
}

// Schedule uses the link of the last step whose time has come, so that a network can change in
// the middle of a call. Steps are in order of time; before the first, its link is used.
func Schedule(steps ...Step) Link { return schedule(steps) }

type schedule []Step

func (s schedule) Send(now time.Duration, size int) Fate {
	link := s[0].Link
	for _, step := range s[1:] {
		if now < step.From {
			break
		}
		link = step.Link
	}
	return link.Send(now, size)
}
