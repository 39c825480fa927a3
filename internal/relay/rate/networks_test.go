package rate

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

// Who has many networks of IPv6 has four times what one address has, and nobody else has less for it.
func TestNetworks(t *testing.T) {
	n := NewNetworks(time.Second, 9*time.Second)
	taken := 0
	for i := range 1000 {
		from := netip.MustParseAddr(fmt.Sprintf("2001:db8:1:%x::1", i))
		for n.Allow(time.Hour, from) {
			taken++
		}
	}
	if taken < 36 || taken > 40 {
		t.Errorf("%d events from a /48, want four times the 10 of an address", taken)
	}
	for _, other := range []string{"2001:db8:2::1", "192.0.2.1"} {
		from := netip.MustParseAddr(other)
		for i := range 10 {
			if !n.Allow(time.Hour, from) {
				t.Errorf("%s has %d events only", other, i)
			}
		}
		if n.Allow(time.Hour, from) {
			t.Errorf("%s has more than 10", other)
		}
		if n.Refund(from); !n.Allow(time.Hour, from) {
			t.Errorf("%s has nothing after a refund", other)
		}
	}
}
