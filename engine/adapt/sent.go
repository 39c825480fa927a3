package adapt

import (
	"time"

	"github.com/tincan-voice/tincan/internal/repair"
)

const (
	sentCell  = 100 * time.Millisecond
	sentCells = 11 // the one that is being filled and ten full ones
)

// meter counts what is sent, IP and UDP headers with it.
type meter struct {
	cells  [sentCells]struct{ bytes, datagrams int }
	newest int64
}

func (m *meter) add(now time.Duration, size int) {
	m.move(now)
	c := &m.cells[m.newest%sentCells]
	c.bytes += size + repair.HeaderBytes
	c.datagrams++
}

func (m *meter) move(now time.Duration) {
	n := int64(now / sentCell)
	m.newest = max(m.newest, n-sentCells)
	for m.newest < n {
		m.newest++
		m.cells[m.newest%sentCells] = struct{ bytes, datagrams int }{}
	}
}

// lastSecond returns the bytes and datagrams of the last ten full cells.
func (m *meter) lastSecond(now time.Duration) (bytes, datagrams float64) {
	m.move(now)
	for i := range m.cells {
		if int64(i) != m.newest%sentCells {
			bytes += float64(m.cells[i].bytes)
			datagrams += float64(m.cells[i].datagrams)
		}
	}
	return bytes, datagrams
}
