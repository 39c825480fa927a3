package origin

import (
	"fmt"
	"net/netip"
	"testing"
)

func TestNetworks(t *testing.T) {
	for _, tt := range []struct{ addr, household, customer, across string }{
		{"192.0.2.7", "192.0.2.7/32", "192.0.2.7/32", "[192.0.2.7/32 x1]"},
		{"::ffff:192.0.2.7", "192.0.2.7/32", "192.0.2.7/32", "[192.0.2.7/32 x1]"},
		{
			"2001:db8:1:2345:6:7:8:9", "2001:db8:1:2345::/64", "2001:db8:1::/48",
			"[2001:db8:1:2345::/64 x1 2001:db8:1:2300::/56 x2 2001:db8:1::/48 x4]",
		},
		{"fe80::1%eth0", "fe80::/64", "fe80::/48", "[fe80::/64 x1 fe80::/56 x2 fe80::/48 x4]"},
	} {
		a := netip.MustParseAddr(tt.addr)
		if got := Household(a).String(); got != tt.household {
			t.Errorf("household of %s: %s", a, got)
		}
		if got := Customer(a).String(); got != tt.customer {
			t.Errorf("customer of %s: %s", a, got)
		}
		var across []string
		for _, n := range Across(a) {
			across = append(across, fmt.Sprintf("%v x%d", n.Prefix, n.Share))
		}
		if got := fmt.Sprint(across); got != tt.across {
			t.Errorf("across of %s: %s", a, got)
		}
	}
	if (Customer(netip.Addr{}) != netip.Prefix{}) {
		t.Error("no address has a network")
	}
}
