package jitter

import (
	"time"

	"github.com/tincan-voice/tincan/internal/emodel"
)

// target picks the playout delay that costs the listener least: for each delay that
// could be chosen, the E-model's price of it and of the frames that would come too late.
//
//	price |  *                      *        the whole: the choice is its minimum
//	      |   *                  * o
//	      |    **            *  o            o of the delay: little at first, then steep
//	      |  .   ** *  *  *  o
//	      |   .   o   o  o                   . of the late frames
//	      |o   o  .   .   .   .   .
//	      +-------------------------- delay
type target struct {
	path   int64 // one-way delay of the idle network, in samples
	margin int64 // wanted delay above the queue
	delay  int64 // the same above the talker's time: what frames are played with
	seen   int64 // frames known to the model at the last choice
}

// stallWorth is the part of the price of a lost frame for one that is late in order: a stall
// makes one gap of many frames, which is heard less than as many gaps. Chosen by experiment, docs/jitter.md.
const stallWorth = 0.6

// delayPrice is the price of a delay from mouth to ear, in steps of a bin.
var delayPrice = func() (p [4 * lateBins]float64) {
	for i := range p {
		p[i] = emodel.DelayPrice(time.Duration(i) * tick * time.Second / SampleRate)
	}
	return p
}()

// update follows the queue, and chooses again when there is news.
// It never wants more than limit.
func (a *target) update(m *delayModel, limit int64) {
	if m.count == 0 {
		return
	}
	if m.count != a.seen {
		a.seen = m.count
		a.choose(m, limit)
	}
	a.margin = min(a.margin, limit)
	wanted := m.queue + a.margin
	a.delay = min(max(a.delay, wanted), wanted+tick) // the queue is the least of a few frames and trembles
}

func (a *target) choose(m *delayModel, limit int64) {
	first := int(a.path+FrameSize) / tick // what the network takes without a queue, and a frame to fill
	all := m.sum() + m.gone
	perLost := emodel.LossSlope(float64(m.gone / all))
	late := m.total // of what comes later
	for way := range late {
		late[way] -= m.late[way][0]
	}
	best, bestCost := 1, 1e9
	for i := 1; i < lateBins && (i == 1 || int64(i)*tick <= limit); i++ {
		for way := range late {
			late[way] -= m.late[way][i]
		}
		cost := delayPrice[min(first+i, len(delayPrice)-1)] +
			perLost*stallWorth*float64(late[inOrder]/all) +
			emodel.LossPrice(float64((m.gone+late[astray])/all))
		if cost < bestCost {
			best, bestCost = i, cost
		}
		if late[inOrder]+late[astray] < m.weight/100 {
			break // nothing comes later, but for the rounding of sums: from here on it only costs more
		}
	}
	a.margin = int64(best) * tick
}
