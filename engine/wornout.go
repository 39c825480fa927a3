package engine

import (
	"errors"
	"math"
)

// ErrWornOut is why a call ends after more than two and a half years of sending: no number may come twice under one key
// (docs/protocol.md, section 6), so it has to begin anew.
var ErrWornOut = errors.New("the call has used up its numbers: join again")

// lastNumber is the highest number of a datagram or frame with which a call goes on: the rest is for those on the way.
const lastNumber = math.MaxUint32 - 1<<16

// wornOut tells whether a number is close to its end.
func (c *Call) wornOut() bool {
	t := c.link.Load().traffic
	for i := range t.seqs {
		if t.seqs[i].Load() >= lastNumber {
			return true
		}
	}
	c.talking.Lock()
	defer c.talking.Unlock()
	return c.sender.Talker().LastSeq() >= lastNumber
}
