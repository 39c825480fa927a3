package jitter

import "time"

// Stats is what a Buffer did since New. Counts are frames, durations are of
// output unless said otherwise.
type Stats struct {
	Duplicate uint64 // frames that were there already
	Late      uint64 // frames that came after their time
	Dropped   uint64 // frames thrown away to come back to a low delay
	Lost      uint64 // frames that were not there in their time
	Repaired  uint64 // frames played that came as a copy or resend
	Restarts  uint64 // times the talker's numbering jumped and all began anew

	Decoded   time.Duration // from frames in their own datagram
	Redundant time.Duration // from copies and resends
	FEC       time.Duration // from forward error correction
	Concealed time.Duration // invented, the waiting for late frames included

	Target  time.Duration // wanted buffering above the fastest datagrams of late
	Current time.Duration // the same as it is, up to the ceiling; 0 outside talkspurts
	Held    time.Duration // speech held back now
	Spread  time.Duration // 95 % of the datagrams came that little later than the fastest of late, what came again aside
	Jitter  time.Duration // mean deviation of the arrival delay, as RFC 3550 6.4.1
}

// Stats returns the figures; it costs next to nothing.
func (b *Buffer) Stats() Stats {
	s := b.stats
	s.Target = duration(min(b.aim.margin, b.ceiling()))
	s.Spread = duration(b.model.spread())
	s.Jitter = duration(int64(b.model.jitter))
	if b.state != idle {
		s.Current = duration(min(max(0, b.delay()-b.model.queue), b.ceiling()))
		s.Held = duration(b.back())
	}
	return s
}

func (s *Stats) count(p Segment) {
	d := duration(int64(p.Out))
	switch p.Kind {
	case Decoded:
		s.Decoded += d
	case Redundant:
		s.Redundant += d
	case FEC:
		s.FEC += d
	case Concealed:
		s.Concealed += d
	}
}
