package estimate

import (
	"time"

	"github.com/tincan-voice/tincan/netproto/wire"
)

const (
	meterCell = 10 * time.Millisecond
	// meterCells is how many a second can touch.
	meterCells = int64(time.Second/meterCell) + 1
)

// Meter counts what went through in the last second, in cells:
//
//	      a second
//	|<------------------>|
//	|  |  |  |  |  |  |  |  |  <- cells
//	                     ^ now
type Meter struct {
	cells  [meterCells]meterCount // a ring
	newest int64                  // number of the cell in use
	sum    meterCount             // of all cells
}

type meterCount struct{ bytes, datagrams int32 }

// Add counts a datagram of so many bytes, headers counted or not as the caller likes.
func (m *Meter) Add(now time.Duration, bytes int) {
	m.move(now)
	for _, c := range []*meterCount{&m.sum, &m.cells[m.newest%meterCells]} {
		c.bytes += int32(bytes)
		c.datagrams++
	}
}

// LastSecond returns the bytes and datagrams of the last hundred full cells.
func (m *Meter) LastSecond(now time.Duration) (bytes, datagrams int) {
	m.move(now)
	c := m.cells[m.newest%meterCells]
	return int(m.sum.bytes - c.bytes), int(m.sum.datagrams - c.datagrams)
}

// Rate is that of the last second.
func (m *Meter) Rate(now time.Duration) wire.Kbps {
	bytes, _ := m.LastSecond(now)
	return wire.KbpsOf(bytes, time.Second)
}

// Still is how many bytes of what went through until now fall into the second before a later time, or into the cell in
// which it begins.
func (m *Meter) Still(now, later time.Duration) int {
	m.move(now)
	sum := m.sum.bytes
	for i := range min(int64((now%meterCell+later)/meterCell), meterCells) {
		sum -= m.cells[(m.newest+1+i)%meterCells].bytes
	}
	return int(sum)
}

func (m *Meter) move(now time.Duration) {
	n := int64(now / meterCell)
	m.newest = max(m.newest, n-meterCells)
	for m.newest < n {
		m.newest++
		c := &m.cells[m.newest%meterCells]
		m.sum.bytes, m.sum.datagrams = m.sum.bytes-c.bytes, m.sum.datagrams-c.datagrams
		*c = meterCount{}
	}
}
