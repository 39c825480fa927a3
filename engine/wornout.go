package engine

import (
	"errors"

	"github.com/tincan-voice/tincan/netproto"
)

// ErrWornOut is why a call ends after more than two and a half years of sending: no number may come twice under one key
// (docs/protocol.md, section 6), so it has to begin anew.
var ErrWornOut = errors.New("the call has used up its numbers: join again")

// wornOut tells whether a number of a datagram or frame has come to netproto.LastSeq.
func (c *Call) wornOut() bool {
	t := c.link.Load().traffic
	for i := range t.seqs {
		if t.seqs[i].Load() >= netproto.LastSeq {
			return true
		}
	}
	c.talking.Lock()
	defer c.talking.Unlock()
	return c.sender.Talker().LastSeq() >= netproto.LastSeq
}
