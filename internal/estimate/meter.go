package estimate

import "time"

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

// Kbps is the rate of the last second in kbit/s.
func (m *Meter) Kbps(now time.Duration) float64 {
	bytes, _ := m.LastSecond(now)
	return float64(bytes) * 8 / 1000
}

func (m *Meter) move(now time.Duration) {
	n := int64(now / meterCell)
	m.newest = max(m.newest, n-meterCells)
	for m.newest < n {
		m.newest++
		m.cells[m.newest%meterCells] = meterCount{}
	}
}
