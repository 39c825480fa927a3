package netsim

import (
	"math/rand/v2"
	"time"
)

// SecondPath sends a share p of the datagrams over a path that is longer by a draw from extra,
// so that others overtake them.
func SecondPath(p float64, extra Distribution, seed uint64) Link {
	return Jitter(Sometimes(p, extra), false, seed)
}

// Duplicate delivers a share p of the datagrams twice, the second a draw from after later.
func Duplicate(p float64, after Distribution, seed uint64) Link {
	return &duplicate{p: p, after: after, rng: newRand(seed)}
}

type duplicate struct {
	p     float64
	after Distribution
	rng   *rand.Rand
}

func (d *duplicate) Send(now time.Duration, _ int) Fate {
	if d.rng.Float64() >= d.p {
		return Arrive(now)
	}
	return Fate{Copies: 2, At: [2]time.Duration{now, now + d.after(d.rng)}}
}
