package rate

import (
	"net/netip"
	"testing"
	"time"
)

func TestRate(t *testing.T) {
	const every, burst = 100 * time.Millisecond, time.Second
	var r Rate
	allowed := func(now time.Duration) (n int) {
		for r.Allow(now, every, burst) {
			n++
		}
		return n
	}
	now := time.Hour
	if n := allowed(now); n != 11 {
		t.Errorf("%d at once, want those of a second and one", n)
	}
	r.Refund(every)
	if n := allowed(now); n != 1 {
		t.Errorf("%d after a refund, want 1", n)
	}
	if n := allowed(now + 500*time.Millisecond); n != 5 {
		t.Errorf("%d half a second later, want 5", n)
	}
}

// All of a /64 is one address, and an IPv4 address is one however it is written.
func TestAddresses(t *testing.T) {
	for _, pair := range [][2]string{{"2001:db8::1", "2001:db8::2:3:4:5"}, {"192.0.2.1", "::ffff:192.0.2.1"}} {
		a := NewAddresses(time.Second, 0)
		first, second := netip.MustParseAddr(pair[0]), netip.MustParseAddr(pair[1])
		if !a.Allow(time.Hour, first) || a.Allow(time.Hour, second) {
			t.Errorf("%v and %v have a rate each", first, second)
		}
		if a.Refund(first); !a.Allow(time.Hour, second) {
			t.Errorf("%v has nothing after a refund to %v", second, first)
		}
	}
}
