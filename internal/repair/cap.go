package repair

import (
	"time"

	"github.com/tincan-voice/tincan/netproto/wire"
)

// Cap keeps what is sent below a cap over any second. It remembers what went out in the last
// one, in cells, and lets nothing out that would make more of it than the cap:
//
//	      a second
//	|<------------------>|
//	|  |  |  |  |  |  |  |  |  <- cells
//	                     ^ now
//
// Without a cap everything passes.
type Cap struct {
	most   int      // bytes per second, 0 = no cap
	cells  []uint32 // bytes, a ring; made with the first cap
	newest int64    // number of the cell in use
	sum    int      // of all cells
}

const (
	capCell = 10 * time.Millisecond
	// capCells is how many a second can touch.
	capCells = int64(time.Second/capCell) + 1
)

// Set sets it, 0 = none. What went out before a first cap is not known.
func (c *Cap) Set(now time.Duration, most wire.Kbps) {
	c.most = int(most.Bytes(time.Second))
	if most > 0 && c.cells == nil {
		c.cells = make([]uint32, capCells)
		c.newest = int64(now / capCell)
	}
}

// Upcoming is what matters more than a datagram that is about to be sent, voice for all that is none: so many bytes,
// all headers counted, at Next from now and again after every Every, if that is not 0, for a second.
type Upcoming struct {
	Bytes       int
	Next, Every time.Duration
}

// Send takes a datagram of so many bytes, all headers counted, that goes out now. If it
// does not fit, or u would not fit any more, it must not be sent, and the answer is false.
func (c *Cap) Send(now time.Duration, bytes int, u Upcoming) bool {
	if c.most == 0 {
		return true
	}
	c.roll(int64(now / capCell))
	room, first := c.most-c.sum-bytes, c.newest-capCells+1
	if room < 0 {
		return false
	}
	// Cells of the second before leave it one after another while what is to come goes out.
	for n, at := first, u.Next; u.Bytes > 0 && at < time.Second; at += u.Every {
		for ; n < first+int64((now%capCell+at)/capCell) && n < c.newest; n++ {
			room += int(c.cells[(n+capCells)%capCells])
		}
		if room -= u.Bytes; room < 0 {
			return false
		}
		if u.Every == 0 {
			break
		}
	}
	c.Note(now, bytes)
	return true
}

// Note counts a datagram that went out now, whether it fitted or not.
func (c *Cap) Note(now time.Duration, bytes int) {
	if c.most == 0 {
		return
	}
	c.roll(int64(now / capCell))
	c.cells[c.newest%capCells] += uint32(bytes)
	c.sum += bytes
}

// Room is the longest datagram in bytes, all headers counted, that Send would let out so much
// later than now if nothing goes out until then; it is large without a cap.
func (c *Cap) Room(now, later time.Duration) int {
	if c.most == 0 {
		return 1 << 16
	}
	c.roll(int64(now / capCell))
	room, first := c.most-c.sum, c.newest-capCells+1
	for n := first; n < first+int64((now%capCell+later)/capCell) && n <= c.newest; n++ {
		room += int(c.cells[(n+capCells)%capCells])
	}
	return room
}

// roll makes cell n the newest.
func (c *Cap) roll(n int64) {
	c.newest = max(c.newest, n-capCells)
	for c.newest < n {
		c.newest++
		cell := &c.cells[c.newest%capCells]
		c.sum -= int(*cell)
		*cell = 0
	}
}
