package netsim

import (
	"math/rand/v2"
	"time"
)

// Loss loses each datagram with probability p, independently of all others.
func Loss(p float64, seed uint64) Link { return &loss{p: p, rng: newRand(seed)} }

type loss struct {
	p   float64
	rng *rand.Rand
}

func (l *loss) Send(now time.Duration, _ int) Fate {
	if l.rng.Float64() < l.p {
		return Lost
	}
	return Arrive(now)
}

// Slot is the step of the burst-loss model: one voice frame.
const Slot = 20 * time.Millisecond

// GilbertElliott describes loss in bursts by a channel that is either good or bad (Gilbert 1960,
// Elliott 1963). It changes its state, or not, every Slot of time rather than with every
// datagram: a fade lasts as long whether little or much is sent.
type GilbertElliott struct {
	ToBad, ToGood     float64 // probability per slot of leaving the good and the bad state
	LossGood, LossBad float64 // probability of losing a datagram in either state
}

// Bursts returns the model whose loss rate is p and whose bursts of consecutive losses are mean
// slots long on average, with no loss in between (the simple Gilbert model).
func Bursts(p, mean float64) GilbertElliott {
	return GilbertElliott{ToBad: p / (mean * (1 - p)), ToGood: 1 / mean, LossBad: 1}
}

// Burst loses datagrams as the model says.
func Burst(model GilbertElliott, seed uint64) Link {
	return &burst{model: model, rng: newRand(seed)}
}

type burst struct {
	model GilbertElliott
	rng   *rand.Rand
	bad   bool
	slot  time.Duration // number of the slot that bad belongs to
}

// forgotten is a number of slots after which the present state no longer matters; a longer
// silence is cut to it, so that the work per datagram is bounded.
const forgotten = 1000

func (b *burst) Send(now time.Duration, _ int) Fate {
	slot := now / Slot
	for b.slot = max(b.slot, slot-forgotten); b.slot < slot; b.slot++ {
		if b.bad {
			b.bad = b.rng.Float64() >= b.model.ToGood
		} else {
			b.bad = b.rng.Float64() < b.model.ToBad
		}
	}
	p := b.model.LossGood
	if b.bad {
		p = b.model.LossBad
	}
	if p > 0 && b.rng.Float64() < p {
		return Lost
	}
	return Arrive(now)
}
