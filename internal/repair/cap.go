package repair

import (
	"time"

	"github.com/tincan-voice/tincan/internal/estimate"
	"github.com/tincan-voice/tincan/netproto/wire"
)

// Cap keeps what is sent below a cap over any second: it remembers what went out in the last
// one, and lets nothing out that would make more of it than the cap. Without a cap everything passes.
type Cap struct {
	most int // bytes per second, 0 = no cap
	went estimate.Meter
}

// Set sets it, 0 = none.
func (c *Cap) Set(most wire.Kbps) { c.most = int(most.Bytes(time.Second)) }

// Upcoming is what matters more than a datagram that is about to be sent, voice for all that is none: so many bytes,
// all headers counted, at Next from now and again after every Every, for a second. The zero value is nothing.
type Upcoming struct {
	Bytes       int
	Next, Every time.Duration
}

// Send takes a datagram of so many bytes, all headers counted, that goes out now. If it
// does not fit, or u would not fit any more, it must not be sent, and the answer is false.
func (c *Cap) Send(now time.Duration, bytes int, u Upcoming) bool {
	if c.most > 0 {
		if bytes > c.Room(now, 0) {
			return false
		}
		for at, sum := u.Next, bytes+u.Bytes; u.Bytes > 0 && at < time.Second; at, sum = at+max(u.Every, wire.FrameDuration), sum+u.Bytes {
			if sum > c.Room(now, at) {
				return false
			}
		}
	}
	c.Note(now, bytes)
	return true
}

// Note counts a datagram that went out now, whether it fitted or not.
func (c *Cap) Note(now time.Duration, bytes int) { c.went.Add(now, bytes) }

// Room is the longest datagram in bytes, all headers counted, that Send would let out so much
// later than now if nothing goes out until then; it is large without a cap.
func (c *Cap) Room(now, later time.Duration) int {
	if c.most == 0 {
		return 1 << 16
	}
	return c.most - c.went.Still(now, later)
}
