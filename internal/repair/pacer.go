package repair

import "time"

// Pacer keeps what is sent below a cap over any second. It remembers what went out in the last
// one, in cells, and lets nothing out that would make more of it than the cap:
//
//	      a second
//	|<------------------>|
//	|  |  |  |  |  |  |  |  |  <- cells
//	                     ^ now
//
// Without a cap everything passes.
type Pacer struct {
	most   int      // bytes per second, 0 = no cap
	cells  []uint32 // bytes, a ring; made with the first cap
	newest int64    // number of the cell in use
	sum    int      // of all cells
}

const (
	pacerCell = 10 * time.Millisecond
	// pacerCells is how many a second can touch.
	pacerCells = int64(time.Second/pacerCell) + 1
	// sustained is the part of a cap that can be planned with: Opus makes up to 4 % more of a second
	// than of a minute, and a second has one datagram more in it at times.
	sustained = 0.95
)

// SetCap sets the cap in kbit/s, 0 = none; IP and UDP headers count. What went out before a first cap
// is not known.
func (p *Pacer) SetCap(now time.Duration, kbps int) {
	p.most = kbps * 1000 / 8
	if kbps > 0 && p.cells == nil {
		p.cells = make([]uint32, pacerCells)
		p.newest = int64(now / pacerCell)
	}
}

// Reserve is what matters more than a datagram that is about to be sent, voice for all that is none: so many bytes,
// all headers counted, at Next from now and again after every Every, if that is not 0, for a second.
type Reserve struct {
	Bytes       int
	Next, Every time.Duration
}

// Send takes a datagram of so many bytes, all headers counted, that goes out now. If it
// does not fit, or r would not fit any more, it must not be sent, and the answer is false.
func (p *Pacer) Send(now time.Duration, bytes int, r Reserve) bool {
	if !p.Fits(now, bytes, r) {
		return false
	}
	p.Note(now, bytes)
	return true
}

// Note counts a datagram that went out now, whether it fitted or not.
func (p *Pacer) Note(now time.Duration, bytes int) {
	if p.most == 0 {
		return
	}
	p.roll(int64(now / pacerCell))
	p.cells[p.newest%pacerCells] += uint32(bytes)
	p.sum += bytes
}

// Fits tells what Send would answer.
func (p *Pacer) Fits(now time.Duration, bytes int, r Reserve) bool {
	if p.most == 0 {
		return true
	}
	p.roll(int64(now / pacerCell))
	room, first := p.most-p.sum-bytes, p.newest-pacerCells+1
	if room < 0 {
		return false
	}
	if r.Bytes == 0 {
		return true
	}
	// Cells of the second before leave it one after another while what is reserved comes in.
	for n, at := first, r.Next; at < time.Second; at += r.Every {
		for ; n < first+int64((now%pacerCell+at)/pacerCell) && n < p.newest; n++ {
			room += int(p.cells[(n+pacerCells)%pacerCells])
		}
		if room -= r.Bytes; room < 0 {
			return false
		}
		if r.Every == 0 {
			break
		}
	}
	return true
}

// Room is the longest datagram in bytes, all headers counted, that Send would let out so much
// later than now if nothing goes out until then; it is large without a cap.
func (p *Pacer) Room(now, later time.Duration) int {
	if p.most == 0 {
		return 1 << 16
	}
	p.roll(int64(now / pacerCell))
	room, first := p.most-p.sum, p.newest-pacerCells+1
	for n := first; n < first+int64((now%pacerCell+later)/pacerCell) && n <= p.newest; n++ {
		room += int(p.cells[(n+pacerCells)%pacerCells])
	}
	return room
}

// roll makes cell n the newest.
func (p *Pacer) roll(n int64) {
	p.newest = max(p.newest, n-pacerCells)
	for p.newest < n {
		p.newest++
		c := &p.cells[p.newest%pacerCells]
		p.sum -= int(*c)
		*c = 0
	}
}

// ControlRate is what is taken off a listener's cap for all that is no voice, in kbit/s.
const ControlRate = 1

// Sustained is the rate in kbit/s that can be planned with under a cap of so many.
func Sustained(kbps int) float64 { return sustained * float64(kbps) }
