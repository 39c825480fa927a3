package udpio

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

// natural knows which address the kernel sends from by itself, as far as that is plain:
// where the machine has no other one. To be told costs it 6 % of a datagram (a look for
// the address), so then nothing is said.
type natural struct {
	mu     sync.Mutex
	looked time.Time
	sole   [2]netip.Addr // of IPv4 and of IPv6, beside loopback and link-local ones; invalid: none, or several
}

// naturalFor is how long a look at the machine's addresses holds.
const naturalFor = 10 * time.Second

var loopback4, loopback6 = netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()

// chosen tells whether the kernel would choose p.Local.
func (n *natural) chosen(p Path) bool {
	if p.Remote.Addr().IsLoopback() {
		return p.Remote.Addr() == p.Local && (p.Local == loopback4 || p.Local == loopback6)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if now := time.Now(); n.looked.IsZero() || now.Sub(n.looked) >= naturalFor {
		addrs, _ := net.InterfaceAddrs() // if none can be had, none is plain
		n.looked, n.sole = now, soleAddrs(addrs)
	}
	return p.Local == n.sole[0] || p.Local == n.sole[1]
}

func soleAddrs(addrs []net.Addr) (sole [2]netip.Addr) {
	var count [2]int
	for _, a := range addrs {
		prefix, err := netip.ParsePrefix(a.String())
		ip := prefix.Addr()
		if err != nil || ip.IsLoopback() || ip.IsLinkLocalUnicast() && ip.Is6() {
			continue
		}
		family := 0
		if ip.Is6() {
			family = 1
		}
		sole[family] = ip
		if count[family]++; count[family] > 1 {
			sole[family] = netip.Addr{}
		}
	}
	return sole
}
