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
	cells  [meterCells]int32 // bytes, a ring
	newest int64             // number of the cell in use
	sum    int32             // of all cells
}

// Add counts a datagram of so many bytes, headers counted or not as the caller likes.
func (m *Meter) Add(now time.Duration, bytes int) {
	m.move(now)
	m.sum += int32(bytes)
	m.cells[m.newest%meterCells] += int32(bytes)
}

// Rate is that of the last hundred full cells.
func (m *Meter) Rate(now time.Duration) wire.Kbps {
	m.move(now)
	return wire.KbpsOf(int(m.sum-m.cells[m.newest%meterCells]), time.Second)
}

// Still is how many bytes of what went through until now fall into the second before a later time, or into the cell in
// which it begins.
func (m *Meter) Still(now, later time.Duration) int {
	m.move(now)
	sum := m.sum
	for i := range min(int64((now%meterCell+later)/meterCell), meterCells) {
		sum -= m.cells[(m.newest+1+i)%meterCells]
	}
	return int(sum)
}

func (m *Meter) move(now time.Duration) {
	n := int64(now / meterCell)
	m.newest = max(m.newest, n-meterCells)
	for m.newest < n {
		m.newest++
		m.sum -= m.cells[m.newest%meterCells]
		m.cells[m.newest%meterCells] = 0
	}
}
