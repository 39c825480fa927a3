package estimate

import (
	"time"

	"github.com/tincan-voice/tincan/netproto/wire"
)

const (
	meterCell  = 100 * time.Millisecond
	meterCells = 11 // the one that is being filled and ten full ones
)

// Meter counts what went through in the last second.
type Meter struct {
	cells  [meterCells]meterCount
	newest int64 // number of the cell in use
}

type meterCount struct{ bytes, datagrams int }

// Add counts a datagram of so many bytes, headers counted or not as the caller likes.
func (m *Meter) Add(now time.Duration, bytes int) {
	m.move(now)
	c := &m.cells[m.newest%meterCells]
	c.bytes += bytes
	c.datagrams++
}

// LastSecond returns the bytes and datagrams of the last ten full cells of 100 ms.
func (m *Meter) LastSecond(now time.Duration) (bytes, datagrams int) {
	m.move(now)
	for i, c := range m.cells {
		if int64(i) != m.newest%meterCells {
			bytes += c.bytes
			datagrams += c.datagrams
		}
	}
	return bytes, datagrams
}

// Rate is that of the last second.
func (m *Meter) Rate(now time.Duration) wire.Kbps {
	bytes, _ := m.LastSecond(now)
	return wire.KbpsOf(bytes, time.Second)
}

func (m *Meter) move(now time.Duration) {
	n := int64(now / meterCell)
	m.newest = max(m.newest, n-meterCells)
	for m.newest < n {
		m.newest++
		m.cells[m.newest%meterCells] = meterCount{}
	}
}
