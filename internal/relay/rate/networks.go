package rate

import (
	"hash/maphash"
	"net/netip"
	"time"
)

// Network is one that an address is in, and how many times as much it may have as a single address.
type Network struct {
	netip.Prefix
	Share int
}

// Across returns the networks that an address belongs to. All of a /64 is one household's; a customer gets a /56 or a /48
// (RFC 6177), and so has 256 or 65536 of those.
func Across(a netip.Addr) []Network {
	a = a.Unmap().WithZone("")
	if a.Is4() {
		return []Network{{netip.PrefixFrom(a, 32), 1}}
	}
	nets := []Network{{Share: 1}, {Share: 2}, {Share: 4}}
	for i, bits := range []int{64, 56, 48} {
		nets[i].Prefix, _ = a.Prefix(bits) // the numbers fit
	}
	return nets
}

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
	nets := Across(from)
	for i, net := range nets {
		if !n.at(net).Allow(now, n.every/time.Duration(net.Share), n.burst) {
			n.refund(nets[:i])
			return false
		}
	}
	return true
}

// Refund takes one event of an address back that was allowed.
func (n *Networks) Refund(from netip.Addr) { n.refund(Across(from)) }

func (n *Networks) refund(nets []Network) {
	for _, net := range nets {
		n.at(net).Refund(n.every / time.Duration(net.Share))
	}
}

func (n *Networks) at(net Network) *Rate {
	return &n.slots[maphash.Comparable(n.seed, net.Prefix)%slots]
}
