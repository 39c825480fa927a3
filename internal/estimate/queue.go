package estimate

import (
	"math"
	"time"
)

const (
	queueCell  = 50 * time.Millisecond
	queueCells = 10 // of which the trend is taken
	queueNow   = 3  // of which the present delay is taken: 150 ms
	queueCame  = 2  // or more, until in so many of them something came: one alone may have been late before this path

	// What delay falls by from one cell to the one queueNow later, on average over noiseMemory cells, 10 s, and
	// noiseFactor times, is jitter: queues fall seldom, and when we have sent less. Chosen by experiment.
	noiseMemory = 200
	noiseFactor = 8

	baseRises = 600              // so much slower than time the base rises: a path that has become 100 ms longer is known after a minute
	clockJump = 10 * time.Second // no path delays that much: the sender's clock has changed
)

// Queue tells how long datagrams wait in the queues of a path, and whether that
// grows, from their one-way delay, whose unknown constant part drops out.
//
// As in LEDBAT (RFC 6817, 2.2) the base is the least delay, which rises slowly so that a longer path is found out,
// and the present delay is a minimum too, of the last 150 ms: a
// stall whose datagrams then come in a clump is no queue. Jitter that lasts longer than that goes up and down,
// while a queue that we fill stays until we send less: what delay falls by on average is taken off. The trend is
// the least-squares slope over half a second, as the delay gradient of GCC (Carlucci
// et al., "Analysis and design of the Google congestion control for WebRTC",
// MMSys 2016) but over time instead of over datagrams.
type Queue struct {
	started bool
	cells   [queueCells]queuePoint
	cell    int64         // number of the newest
	base    time.Duration // delay without a queue
	last    time.Duration // when that was known
	falls   float64       // mean fall of the delay within queueNow cells, ns
	counted float64       // cells that it is the mean of, noiseMemory at most
}

type queuePoint struct {
	known bool
	delay time.Duration // least of the cell
}

// Arrived notes a datagram that came at now and was sent at sent on the sender's own
// clock: for voice its sequence number times FrameDuration. What was resent does not belong here.
func (q *Queue) Arrived(now, sent time.Duration) {
	delay := now - sent
	if !q.started || (delay-q.base).Abs() >= clockJump {
		*q = Queue{started: true, cell: int64(now / queueCell), base: delay, last: now}
	}
	if p := q.point(now); !p.known || delay < p.delay {
		*p = queuePoint{known: true, delay: delay}
	}
	q.base, q.last = min(q.base+(now-q.last)/baseRises, delay), now
}

// Delay is the queueing delay at present, below 0 where too little has come of late to tell.
func (q *Queue) Delay(now time.Duration) time.Duration {
	q.point(now)
	low, known := time.Duration(math.MaxInt64), 0
	lately := max(queueNow, int64(q.noise()/queueCell))
	for i := range int64(queueCells) {
		if i >= lately && known >= queueCame {
			break
		}
		if p := q.cells[(q.cell-i+queueCells)%queueCells]; p.known {
			low = min(low, p.delay)
			known++
		}
	}
	if known < queueCame {
		return -1
	}
	return max(0, low-q.base-q.noise())
}

// noise is the part of the delay that is jitter.
func (q *Queue) noise() time.Duration { return time.Duration(noiseFactor * q.falls) }

// full takes note of the cell that is over.
func (q *Queue) full() {
	now := q.cells[q.cell%queueCells]
	for lag := int64(queueNow); now.known && lag < queueCells; lag++ {
		if before := q.cells[(q.cell-lag+queueCells)%queueCells]; before.known {
			q.counted = min(q.counted+1, noiseMemory)
			q.falls += (max(0, float64(before.delay-now.delay)) - q.falls) / q.counted
			return
		}
	}
}

// Trend is how much the delay grows, in seconds per second of arrivals. Of what is sent into
// a queue that never empties a share of 1-Trend gets through.
func (q *Queue) Trend(now time.Duration) float64 {
	q.point(now)
	var n, sx, sy, sxx, sxy float64
	for i := range int64(queueCells) {
		p := q.cells[(q.cell-i+queueCells)%queueCells]
		if !p.known {
			continue
		}
		x, y := -float64(i)*queueCell.Seconds(), (p.delay - q.base).Seconds()
		n, sx, sy, sxx, sxy = n+1, sx+x, sy+y, sxx+x*x, sxy+x*y
	}
	if n < 3 {
		return 0
	}
	// Jitter is steep but short: no queue can have grown by more than it is.
	slope := (n*sxy - sx*sy) / (n*sxx - sx*sx)
	return min(slope, q.Delay(now).Seconds()/(queueCells*queueCell).Seconds())
}

// point moves on to the cell of now.
func (q *Queue) point(now time.Duration) *queuePoint {
	n := int64(now / queueCell)
	if n-q.cell > queueCells {
		q.cell = n - queueCells
	}
	for q.cell < n {
		q.full()
		q.cell++
		q.cells[q.cell%queueCells] = queuePoint{}
	}
	return &q.cells[q.cell%queueCells]
}
