package mend

import (
	"math"
	"time"

	"github.com/tincan-voice/tincan/netproto/wire"
)

// The talkers of a room are asked to send at the same time, where the relay has much to do: then their datagrams leave
// as one packet per listener, and none has to wait for the others. Each room has a beat, at which they are to come, once
// per frame; it is that of whoever talked first, so the rooms' beats are spread. A talker is told by how much it comes
// before the beat, and shifts in its next pause (netproto.Feedback.Shift).
const (
	// beatWithin is how near to the beat is near enough: clocks of sound cards drift by as much in ten seconds or more.
	beatWithin = time.Millisecond
	// steady is the mean resultant length from which on arrivals tell a phase, that of a deviation of 2.7 ms (Mardia and
	// Jupp, Directional Statistics, 1999, 3.4.2: exp of minus half the variance of the angle). Where it is less datagrams
	// would rarely meet.
	steady = 0.7
	// phased is of how many datagrams that is told at least. Their mean is then within 1 ms.
	phased = 8
)

// rhythm is when within a frame's time the datagrams of a talker come, since it was told of it last: a mean of angles.
type rhythm struct {
	sin, cos float64
	n        int
}

func (y *rhythm) arrived(now time.Duration) {
	sin, cos := math.Sincos(2 * math.Pi * float64(now%wire.FrameDuration) / float64(wire.FrameDuration))
	y.sin, y.cos, y.n = y.sin+sin, y.cos+cos, y.n+1
}

// mean is that time, from 0 to a frame, and whether there is one.
func (y *rhythm) mean() (at time.Duration, ok bool) {
	if y.n < phased || math.Hypot(y.sin, y.cos) < steady*float64(y.n) {
		return 0, false
	}
	turn := math.Atan2(y.sin, y.cos) / (2 * math.Pi)
	return time.Duration((turn - math.Floor(turn)) * float64(wire.FrameDuration)), true
}

// shift is by how much later this talker is to send, in samples; 0: it is well, or nothing is known. It begins to
// measure anew.
func (m *Mender) shift(s *Member) (samples uint16) {
	r, u := s.room, s.uplink
	at, ok := u.rhythm.mean()
	u.rhythm = rhythm{}
	switch {
	case !m.Busy || !ok || len(r.order) < 2:
		return 0
	case !r.beats:
		r.beats, r.beat = true, at
		return 0
	}
	later := (r.beat - at + wire.FrameDuration) % wire.FrameDuration
	if later < beatWithin || later > wire.FrameDuration-beatWithin {
		return 0
	}
	return uint16(later * wire.SampleRate / time.Second)
}
