package jitter

import "time"

// Stats is what a Buffer did since New. Counts are frames, durations are of
// output, unless said otherwise.
type Stats struct {
	Received  uint64 // frames pushed, copies included
	Duplicate uint64 // frames that were there already
	Late      uint64 // frames that came after their time
	Dropped   uint64 // frames thrown away to come back to a low delay
	Restarts  uint64 // times the talker's numbering jumped and all began anew

	Decoded   time.Duration // from frames in their own datagram
	Redundant time.Duration // from copies
	FEC       time.Duration // from forward error correction
	Concealed time.Duration // invented
	Silence   time.Duration // no talkspurt, comfort noise included
	Shortened time.Duration // talker time left out by time-stretching
	Extended  time.Duration // output added by time-stretching

	Target  time.Duration // wanted delay above that of the fastest datagrams
	Current time.Duration // speech held back now
	Jitter  time.Duration // mean deviation of the arrival delay
}

// Stats returns the figures; it is cheap.
func (b *Buffer) Stats() Stats {
	s := b.stats
	s.Target = b.model.target
	if b.playing {
		s.Current = time.Duration(b.highest-b.next+1)*FrameDuration + time.Duration(b.left)*time.Second/SampleRate
	}
	return s
}

func (s *Stats) count(kind Kind, samples int) {
	d := time.Duration(samples) * time.Second / SampleRate
	switch kind {
	case Decoded:
		s.Decoded += d
	case Redundant:
		s.Redundant += d
	case FEC:
		s.FEC += d
	case Concealed:
		s.Concealed += d
	default:
		s.Silence += d
	}
}
