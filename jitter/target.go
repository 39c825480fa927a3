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

const (
	// fixedDelay is what lies between mouth and ear besides network and buffer, in ms: 20 to
	// fill a frame and 6.5 of look-ahead in Opus.
	fixedDelay = 26.5
	// reach is how much further a margin goes than its length, for the speech that is here is
	// slowed down while the network is stuck. That is of no use against what a datagram takes to
	// fill: its first frame is as late every time. Chosen by experiment.
	reach = 1.2
	// stallWorth is the part of the price of a lost frame for one that is late in order: a stall
	// makes one gap of many frames, which is heard less than as many gaps. Chosen by experiment.
	stallWorth = 0.4
	// soonCost is the part of the price of a lost frame for one that is at most two bins late:
	// it is waited for. Chosen by experiment.
	soonInOrder, soonAstray = 0.15, 0.5
	// backlash is how far the wanted delay falls without effect, 2 ms: the queue is the least of a
	// few frames and trembles. Chosen by experiment.
	backlash = SampleRate * 2 / 1000
	// chooseEvery is how often a choice is made, in frames.
	chooseEvery = 5
)

var soonCost = [2]float32{inOrder: soonInOrder, astray: soonAstray}

// delayPrice is the price of a delay from mouth to ear, in steps of a bin.
var delayPrice = func() (p [4 * lateBins]float64) {
	for i := range p {
		p[i] = emodel.DelayPrice(time.Duration(i) * lateBin * time.Second / SampleRate)
	}
	return p
}()

// update follows the queue, and chooses again when there is news.
// It never wants more than limit.
func (a *target) update(m *delayModel, limit int64) {
	if m.count == 0 {
		return
	}
	if m.count >= a.seen+chooseEvery || m.count < max(a.seen, chooseEvery) {
		a.seen = m.count
		a.choose(m, limit)
	}
	a.margin = min(a.margin, limit)
	wanted := m.queue + a.margin
	a.delay = min(max(a.delay, wanted), wanted+backlash)
}

func (a *target) choose(m *delayModel, limit int64) {
	standing := float64(a.path) + m.standing()
	first := int(standing/lateBin + fixedDelay*SampleRate/1000/lateBin)
	all := m.total + m.gone
	perLost := emodel.LossSlope(float64(m.gone / all))
	fill := int(m.fill / lateBin)
	late, at := m.weights(), [2]int{}
	best, bestCost := 1, 1e9
	for i := 1; i < lateBins && (i == 1 || int64(i)*lateBin <= limit); i++ {
		var missing [2]float32
		for way, until := range [2]int{i + 1 + int(float64(max(0, i-fill))*(reach-1)), i + 1} {
			for ; at[way] < min(until, lateBins); at[way]++ {
				late[way] -= m.late[way][at[way]]
			}
			missing[way] = late[way]
			if i < fill {
				continue
			}
			for _, w := range m.late[way][at[way]:min(at[way]+2, lateBins)] {
				missing[way] -= (1 - soonCost[way]) * w
			}
		}
		cost := delayPrice[min(first+i, len(delayPrice)-1)] +
			perLost*stallWorth*float64(missing[inOrder]/all) +
			emodel.LossPrice(float64((m.gone+missing[astray])/all))
		if cost < bestCost {
			best, bestCost = i, cost
		}
		if late[inOrder]+late[astray] < m.weight/1000 {
			break // nothing comes later: from here on it only costs more
		}
	}
	a.margin = int64(best) * lateBin
	m.margin = int64(best)
}
