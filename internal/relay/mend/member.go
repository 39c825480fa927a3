package mend

import (
	"sync/atomic"
	"time"

	"github.com/tincan-voice/tincan/internal/repair"
)

// Member is a session's part in its room. It has to Enter one and to get an ID before anything
// comes from it.
type Member struct {
	ID   uint32 // of the session; static from then on
	room *Room  // static

	// Static, in a room that spans relays.
	Far   bool // is at another relay, and no listener here
	Trunk bool // is another relay, which listens for those at it

	// Set by who keeps the rooms, read by all without a lock.
	Overhead atomic.Int32 // what IP and UDP add to a datagram on the way to it, in bytes; 0: it cannot be sent to
	Deaf     atomic.Bool  // wants no voice
	Apart    atomic.Bool  // gets its voice under a cap, or from fewer talkers: Pass decides
	Gone     atomic.Bool  // has left
	// Tunnelled: what comes and goes does so by TCP, which loses nothing. So nothing of it is asked for or sent again.
	Tunnelled atomic.Bool

	lost atomic.Uint32 // in 1/lostUnit, see Loss

	uplink   *uplink // nil: has not talked of late
	downlink *downlink
	count    uint32 // of the last datagram that was forwarded to the room, see netproto.Hop; not modulo
}

// Enter gives the member its room.
func (s *Member) Enter(r *Room) { s.room = r }

// Live tells whether the member can be sent to.
func (s *Member) Live() bool { return s.Overhead.Load() > 0 }

// lostUnit is of what loss is kept for others to read.
const lostUnit = 1 << 16

// Loss is the share of datagrams that get lost on the way to the member, of late and before repair, by its last
// report.
// Any goroutine may ask.
func (s *Member) Loss() float64 { return float64(s.lost.Load()) / lostUnit }

// way is how long a datagram takes between the member and here.
func (s *Member) way() time.Duration {
	if s.downlink == nil || s.downlink.RTT == 0 {
		return repair.AssumedRTT / 2
	}
	return s.downlink.RTT / 2
}

// Wish is that a listener be treated in another way than it is.
type Wish struct {
	ID    uint32 // session
	Deaf  bool   // gets no voice
	Apart bool   // gets it under a cap, or from fewer talkers
}
