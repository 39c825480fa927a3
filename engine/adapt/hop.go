package adapt

import (
	"math"
	"time"

	"github.com/tincan-voice/tincan/internal/estimate"
	"github.com/tincan-voice/tincan/netproto"
)

// triedMemory is the time constant with which it is forgotten that resends did not help.
const triedMemory = 20 * time.Second

// hop is what is known of one hop's loss, uplink or downlink.
type hop struct {
	estimate.Fading
	left float64 // share of the lost that resends do not bring, where they are tried
}

// add takes what has become of datagrams that are stride frames apart since before; trying is whether resends are
// counted on, and nothing else.
func (h *hop) add(now, before time.Duration, stride int, n netproto.Outcome, trying bool) {
	h.Add(now, stride, n)
	switch {
	case !trying: // what was thought of them is forgotten
		h.left *= math.Exp(-float64(now-before) / float64(triedMemory))
	case h.Fraction() < cleanLoss: // they are believed to work after a time without loss
		h.left = 0
	case n.Lost > 0:
		left := 1 - float64(n.Resent)/float64(n.Lost)
		h.left += (min(max(left, 0), 1) - h.left) / 8
	}
}
