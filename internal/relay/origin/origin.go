// Package origin says what an IP address tells of who is behind it: whom a bound, a ban or a share is about.
package origin

import "net/netip"

// Network is one that an address is in, and how many times as much it may have as a single address.
type Network struct {
	netip.Prefix
	Share int
}

// household, delegated and customer are lengths of IPv6 prefixes: all of a /64 is one link's; a customer gets a /56 or a
// /48 (RFC 6177), and so has 256 or 65536 of those.
const (
	household = 64
	delegated = 56
	customer  = 48
)

// Household is the least that is surely one customer's: an IPv4 address, or a /64 of IPv6.
func Household(a netip.Addr) netip.Prefix { return within(a, household) }

// Customer is the most that may be one customer's: an IPv4 address, or a /48 of IPv6.
func Customer(a netip.Addr) netip.Prefix { return within(a, customer) }

// Across returns the networks that an address belongs to, the smallest first.
func Across(a netip.Addr) []Network {
	if a.Unmap().Is4() {
		return []Network{{Household(a), 1}}
	}
	return []Network{{Household(a), 1}, {within(a, delegated), 2}, {Customer(a), 4}}
}

// within is so much of an IPv6 address, and all of an IPv4 one.
func within(a netip.Addr, bits int) netip.Prefix {
	a = a.Unmap().WithZone("")
	if a.Is4() {
		bits = a.BitLen()
	}
	net, _ := a.Prefix(bits) // the number fits
	return net
}
