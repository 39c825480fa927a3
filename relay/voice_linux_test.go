package relay

import (
	"fmt"
	"net/netip"
	"testing"
)

// A machine has several addresses, and everyone gets answers and voice from the one that
// it has asked.
func TestVoiceFromTheAddressAsked(t *testing.T) {
	t.Parallel()
	for _, host := range []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()} {
		t.Run(host.String(), func(t *testing.T) {
			cfg := everyone()
			cfg.Addr = netip.AddrPortFrom(host, 0)
			s := startServer(t, cfg)
			var clients []*voiceClient
			for i, asked := range []string{"127.0.0.1", "127.0.0.2", "127.0.0.3"} {
				c := joinVoice(t, s, "room", fmt.Sprint(i))
				c.bind() // its socket anew, at another of the relay's addresses
				c.relay = netip.AddrPortFrom(netip.MustParseAddr(asked), s.Addr().Port())
				c.settle()
				clients = append(clients, c)
			}
			exchange(t, clients, 3)
		})
	}
}
