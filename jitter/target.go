package jitter

// target picks the playout delay that costs the listener least: for each delay that
// could be chosen, the E-model's price of that delay and of the frames that would come
// too late for it.
type target struct {
	path   int64 // one-way delay of the idle network, in samples
	margin int64 // wanted delay above the queue
	delay  int64 // the same above the talker's time: what frames are played with
	seen   int64 // frames known to the model at the last choice
}

const (
	// fixedDelay is what lies between mouth and ear besides network and buffer: 20 ms
	// to fill a frame and 6.5 ms look-ahead of Opus.
	fixedDelay = 26.5
	// impatience is the price of a ms where the E-model has none, so that delay that buys
	// nothing is not kept. Chosen by experiment, docs/jitter.md.
	impatience = 0.05
	// choose again after so many frames
	chooseEvery = 5
	// minMargin: blocks of playback and arrivals do not meet exactly
	minMargin = 1
)

// price of the delays from 0 ms on, in steps of a bin
var price = func() (p [lateBins * 4]float64) {
	for i := range p {
		ms := float64(i) * lateBin * 1000 / SampleRate
		p[i] = delayImpairment(ms) + impatience*ms
	}
	return p
}()

func (a *target) update(m *delayModel) {
	if m.count == 0 {
		return
	}
	if m.count >= a.seen+chooseEvery || m.count < a.seen || a.seen < chooseEvery {
		a.seen = m.count
		a.choose(m)
	}
	a.delay = m.queue + a.margin
}

func (a *target) choose(m *delayModel) {
	known := float64(a.path) + max(0, float64(m.queue)-m.base)
	first := int((known*1000/SampleRate + fixedDelay) * SampleRate / 1000 / lateBin)
	late := m.total
	all := m.total + m.gone
	best, bestCost := 0, 1e9
	for i := 0; i < lateBins; i++ {
		late -= m.late[i]
		soon := m.late[min(i+1, lateBins-1)] + m.late[min(i+2, lateBins-1)]
		if i < minMargin {
			continue
		}
		cost := price[min(first+i, len(price)-1)] + lossImpairment(float64((late-0.7*soon+m.gone)/all))
		if cost < bestCost {
			best, bestCost = i, cost
		}
	}
	a.margin = int64(best) * lateBin
}
