package estimate

import (
	"math"
	"time"

	"github.com/tincan-voice/tincan/netproto/wire"
)

// Channel is the loss of a path as a two-state Markov chain in time: everything is
// lost in the bad state, nothing in the good one (E. N. Gilbert, "Capacity of a
// burst-noise channel", Bell System Technical Journal 39, 1960). It is a chain in
// time, not in datagrams, since a fade lasts as long whether little or much is sent.
type Channel struct {
	Loss   float64 // share of time in the bad state, 0 to 1
	Memory float64 // correlation of the states FrameDuration apart, 0 = random loss, below 1
}

// NewChannel fits a channel to the share of time in which all was lost and the mean run of consecutive losses in
// frames.
//
// A run ends with probability 1-P(lost again), so that its mean length is burst = 1/((1-loss)(1-memory)).
func NewChannel(loss, burst float64) Channel {
	if !(loss > 0) {
		return Channel{}
	}
	loss = min(loss, 0.95)
	return Channel{Loss: loss, Memory: min(max(1-1/(max(burst, 1)*(1-loss)), 0), 0.995)}
}

// Again is the probability that a datagram is lost if the one that was sent so much
// earlier was: the state forgets with Memory.
func (c Channel) Again(after time.Duration) float64 {
	return c.Loss + (1-c.Loss)*math.Pow(c.Memory, float64(after)/float64(wire.FrameDuration))
}

// Burst is the mean run of consecutive losses in frames.
func (c Channel) Burst() float64 { return 1 / (1 - c.Again(wire.FrameDuration)) }

// Series is the channel of two paths one after the other, whose losses are independent.
func (c Channel) Series(d Channel) Channel {
	loss := 1 - (1-c.Loss)*(1-d.Loss)
	if loss == 0 {
		return Channel{}
	}
	memory := (c.Loss*c.Memory + d.Loss*d.Memory) / (c.Loss + d.Loss)
	return Channel{Loss: loss, Memory: memory}
}
