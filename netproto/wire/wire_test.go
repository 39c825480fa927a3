package wire

import (
	"net/netip"
	"testing"
	"time"
)

func TestOverhead(t *testing.T) {
	for text, want := range map[string]int{"10.0.0.1": 28, "::1": 48, "fe80::1%eth0": 48, "::ffff:10.0.0.1": 28} {
		if got := Overhead(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: %d bytes, want %d", text, got, want)
		}
		if got := TunnelOverhead(netip.MustParseAddr(text)); got != want+48 {
			t.Errorf("%s: %d bytes in a tunnel, want %d", text, got, want+48)
		}
	}
}

func TestKbps(t *testing.T) {
	if got := KbpsOf(2000, 500*time.Millisecond); got != 32 {
		t.Errorf("2000 bytes in half a second are %v kbit/s, want 32", got)
	}
	if got := Kbps(32).Bytes(500 * time.Millisecond); got != 2000 {
		t.Errorf("32 kbit/s are %v bytes in half a second, want 2000", got)
	}
}
