package udpio

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// Who asks one of a machine's addresses has connected its socket to it, and takes
// answers from there only.
func TestAnswersFromTheAddressAsked(t *testing.T) {
	for _, host := range []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()} {
		t.Run(host.String(), func(t *testing.T) {
			conns, err := Listen(netip.AddrPortFrom(host, 0), Options{})
			if err != nil {
				t.Fatal(err)
			}
			c := conns[0]
			defer c.Close()
			// All of 127.0.0.0/8 is this machine's, and answers come from 127.0.0.1 if nothing is said.
			asked := []string{"127.0.0.1", "127.0.0.2", "127.9.9.9"}
			var peers []*net.UDPConn
			var paths []Path
			for _, a := range asked {
				to := net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(a), c.LocalAddr().Port()))
				peer, err := net.DialUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}, to)
				if err != nil {
					t.Fatal(err)
				}
				defer peer.Close()
				if _, err := peer.Write([]byte("where are you?")); err != nil {
					t.Fatal(err)
				}
				msgs := make([]Message, 1)
				if n, err := c.Read(msgs, 5*time.Second); n != 1 || err != nil {
					t.Fatal(n, err)
				}
				want := Path{peer.LocalAddr().(*net.UDPAddr).AddrPort(), netip.MustParseAddr(a)}
				if msgs[0].From != want {
					t.Errorf("came along %v, want %v", msgs[0].From, want)
				}
				peers, paths = append(peers, peer), append(paths, msgs[0].From)
			}
			for i, p := range paths {
				if err := c.Send(p, fmt.Append(nil, "answer ", i)); err != nil {
					t.Fatal(err)
				}
			}
			for range 2 { // a group is used again and again
				if sent, err := c.SendGroup(c.NewGroup(paths), []byte("for all"), nil); sent != len(paths) || err != nil {
					t.Fatal(sent, err)
				}
			}
			for i, peer := range peers {
				for _, want := range []string{fmt.Sprint("answer ", i), "for all", "for all"} {
					_ = peer.SetReadDeadline(time.Now().Add(5 * time.Second))
					buf := make([]byte, 100)
					n, err := peer.Read(buf)
					if err != nil || string(buf[:n]) != want {
						t.Errorf("%s: %q, %v, want %q", asked[i], buf[:n], err, want)
					}
				}
			}
		})
	}
}

// Bound to one address there is nothing to say.
func TestOneAddressSaysNothing(t *testing.T) {
	conns, err := Listen(loopback, Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := conns[0]
	defer c.Close()
	if err := c.Send(Path{Remote: c.LocalAddr(), Local: netip.MustParseAddr("127.0.0.2")}, []byte("x")); err != nil {
		t.Fatal(err)
	}
	msgs := make([]Message, 1)
	if n, err := c.Read(msgs, 5*time.Second); n != 1 || err != nil || msgs[0].From != (Path{Remote: c.LocalAddr()}) {
		t.Errorf("%d from %v, %v", n, msgs[0].From, err)
	}
}

func TestSoleAddrs(t *testing.T) {
	net4 := func(s string) net.Addr {
		ip, n, err := net.ParseCIDR(s)
		if err != nil {
			t.Fatal(err)
		}
		return &net.IPNet{IP: ip, Mask: n.Mask}
	}
	tests := []struct {
		addrs []string
		want  [2]string
	}{
		{nil, [2]string{"invalid IP", "invalid IP"}},
		{[]string{"127.0.0.1/8", "::1/128"}, [2]string{"invalid IP", "invalid IP"}},
		{[]string{"127.0.0.1/8", "192.0.2.7/24", "fe80::1/64", "2001:db8::7/64"}, [2]string{"192.0.2.7", "2001:db8::7"}},
		{[]string{"192.0.2.7/24", "192.0.2.8/24", "2001:db8::7/64"}, [2]string{"invalid IP", "2001:db8::7"}},
		{[]string{"192.0.2.7/24", "2001:db8::7/64", "2001:db8::8/64", "2001:db8::9/64"}, [2]string{"192.0.2.7", "invalid IP"}},
	}
	for _, tt := range tests {
		var addrs []net.Addr
		for _, a := range tt.addrs {
			addrs = append(addrs, net4(a))
		}
		if got := soleAddrs(addrs); got[0].String() != tt.want[0] || got[1].String() != tt.want[1] {
			t.Errorf("%v: %v, want %v", tt.addrs, got, tt.want)
		}
	}
}

// BenchmarkSendGroup sends to 100 listeners, in turns without and with an address to send from, and
// reports the median of the ratios.
func BenchmarkSendGroup(b *testing.B) {
	conns, err := Listen(netip.AddrPortFrom(netip.IPv6Unspecified(), 0), Options{})
	if err != nil {
		b.Fatal(err)
	}
	c := conns[0]
	defer c.Close()
	var paths [2][]Path
	for range 100 {
		sink, err := Listen(loopback, Options{})
		if err != nil {
			b.Fatal(err)
		}
		defer sink[0].Close()
		to := sink[0].LocalAddr()
		paths[0] = append(paths[0], Path{Remote: to})
		paths[1] = append(paths[1], Path{to, netip.MustParseAddr("127.0.0.2")})
	}
	untold, told, d := c.NewGroup(paths[0]), c.NewGroup(paths[1]), make([]byte, 82)
	send := func(g Group) float64 {
		start := time.Now()
		_, _ = c.SendGroup(g, d, nil)
		return float64(time.Since(start))
	}
	var ratios []float64
	for b.Loop() {
		first := send(untold)
		ratios = append(ratios, send(told)/first)
	}
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], "told/untold")
}
