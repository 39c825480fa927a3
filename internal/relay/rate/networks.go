package rate

import (
	"hash/maphash"
	"net/netip"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/origin"
)

// Networks is a rate for each IPv4 address, and for each /64, /56 and /48 of IPv6. It is too large to be copied. It takes
// more time and memory than Addresses, and is for what a client does once.
type Networks struct {
	every, burst time.Duration
	seed         maphash.Seed
	slots        [slots]Rate
}

// NewNetworks returns rates of one event of an address every so often, each saved up for the burst.
func NewNetworks(every, burst time.Duration) *Networks {
	return &Networks{every: every, burst: burst, seed: maphash.MakeSeed()}
}

// Allow takes one event of an address, if all of its networks have it left.
func (n *Networks) Allow(now time.Duration, from netip.Addr) bool {
	nets := origin.Across(from)
	for i, net := range nets {
		if !n.at(net).Allow(now, n.every/time.Duration(net.Share), n.burst) {
			n.refund(nets[:i])
			return false
		}
	}
	return true
}

// Refund takes one event of an address back that was allowed.
func (n *Networks) Refund(from netip.Addr) { n.refund(origin.Across(from)) }

func (n *Networks) refund(nets []origin.Network) {
	for _, net := range nets {
		n.at(net).Refund(n.every / time.Duration(net.Share))
	}
}

func (n *Networks) at(net origin.Network) *Rate {
	return &n.slots[maphash.Comparable(n.seed, net.Prefix)%slots]
}
