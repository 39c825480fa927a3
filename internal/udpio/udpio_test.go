package udpio

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var loopback = netip.MustParseAddrPort("127.0.0.1:0")

// kinds are the implementations that the same tests run on.
var kinds = []struct {
	name   string
	listen func(netip.AddrPort) (Conn, error)
}{
	{"native", func(a netip.AddrPort) (Conn, error) {
		c, err := Listen(a, Options{})
		if err != nil {
			return nil, err
		}
		return c[0], nil
	}},
	{"plain", listenPlain},
}

func forKinds(t *testing.T, f func(t *testing.T, open func(netip.AddrPort) Conn)) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			f(t, func(a netip.AddrPort) Conn {
				c, err := k.listen(a)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = c.Close() })
				return c
			})
		})
	}
}

// take reads n datagrams and returns them as strings with their senders.
func take(t *testing.T, c Conn, n int) (data []string, from []netip.AddrPort) {
	t.Helper()
	msgs := make([]Message, BatchSize)
	for len(data) < n {
		got, err := c.Read(msgs, 5*time.Second)
		if err != nil || got == 0 {
			t.Fatalf("have %d of %d datagrams, then n %d, error %v", len(data), n, got, err)
		}
		for _, m := range msgs[:got] {
			data = append(data, string(m.Data))
			from = append(from, m.From.Remote)
		}
	}
	return data, from
}

func TestSendRead(t *testing.T) {
	forKinds(t, func(t *testing.T, open func(netip.AddrPort) Conn) {
		a, b := open(loopback), open(loopback)
		for i := range 5 {
			if err := a.Send(Path{Remote: b.LocalAddr()}, fmt.Appendf(nil, "datagram %d", i)); err != nil {
				t.Fatal(err)
			}
		}
		data, from := take(t, b, 5)
		for i := range data {
			if want := fmt.Sprintf("datagram %d", i); data[i] != want || from[i] != a.LocalAddr() {
				t.Errorf("got %q from %v, want %q from %v", data[i], from[i], want, a.LocalAddr())
			}
		}
	})
}

func TestSendGroupSkips(t *testing.T) {
	forKinds(t, func(t *testing.T, open func(netip.AddrPort) Conn) {
		a := open(loopback)
		var listeners []Conn
		var addrs []Path
		for range 6 {
			c := open(loopback)
			listeners, addrs = append(listeners, c), append(addrs, Path{Remote: c.LocalAddr()})
		}
		g := a.NewGroup(addrs)
		if g.Len() != 6 {
			t.Fatalf("group of %d", g.Len())
		}
		want := make([]int, len(listeners))
		for round, skip := range [][]int{nil, {0}, {5}, {2, 3}, {0, 5}, {4, 5}, {0, 1, 2, 3, 4, 5}, {1, 3, 5}, nil} {
			sent, err := a.SendGroup(g, fmt.Appendf(nil, "round %d", round), skip)
			if err != nil || sent != 6-len(skip) {
				t.Fatalf("round %d: sent %d, error %v", round, sent, err)
			}
			for i := range listeners {
				want[i]++
			}
			for _, s := range skip {
				want[s]--
			}
		}
		for i, l := range listeners {
			data, _ := take(t, l, want[i])
			if len(data) != want[i] {
				t.Errorf("listener %d has %d datagrams, want %d", i, len(data), want[i])
			}
			if first, last := data[0], data[len(data)-1]; last != "round 8" || (i != 0 && first != "round 0") {
				t.Errorf("listener %d: first %q, last %q", i, first, last)
			}
			if n, err := l.Read(make([]Message, 1), 0); n != 0 || err != nil {
				t.Errorf("listener %d has more: %d, %v", i, n, err)
			}
		}
	})
}

// One address that cannot be sent to must not cost the others anything.
func TestSendGroupPastFailures(t *testing.T) {
	forKinds(t, func(t *testing.T, open func(netip.AddrPort) Conn) {
		a, b := open(loopback), open(loopback)
		bad := Path{Remote: netip.AddrPortFrom(b.LocalAddr().Addr(), 0)} // port 0: EINVAL
		six := Path{Remote: netip.MustParseAddrPort("[::1]:9")}          // no IPv6 on an IPv4 socket
		g := a.NewGroup([]Path{bad, {Remote: b.LocalAddr()}, bad, six, {Remote: b.LocalAddr()}, bad})
		sent, err := a.SendGroup(g, []byte("x"), nil)
		if sent != 2 || err == nil {
			t.Errorf("sent %d, error %v", sent, err)
		}
		take(t, b, 2)
	})
}

func TestLargeGroup(t *testing.T) {
	forKinds(t, func(t *testing.T, open func(netip.AddrPort) Conn) {
		a, b := open(loopback), open(loopback)
		addrs := make([]Path, 2500) // more than one sendmmsg takes
		for i := range addrs {
			addrs[i].Remote = b.LocalAddr()
		}
		var wg sync.WaitGroup
		wg.Go(func() { take(t, b, 2499) })
		sent, err := a.SendGroup(a.NewGroup(addrs), []byte("y"), []int{1300})
		if sent != 2499 || err != nil {
			t.Errorf("sent %d, error %v", sent, err)
		}
		wg.Wait()
	})
}

func TestWaitAndClose(t *testing.T) {
	forKinds(t, func(t *testing.T, open func(netip.AddrPort) Conn) {
		c := open(loopback)
		msgs := make([]Message, 1)
		if n, err := c.Read(msgs, time.Millisecond); n != 0 || err != nil {
			t.Errorf("Read of nothing: %d, %v", n, err)
		}
		done := make(chan error)
		go func() {
			for {
				if n, err := c.Read(msgs, time.Hour); n != 0 || err != nil {
					done <- err
					return
				}
			}
		}()
		if err := c.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		select {
		case err := <-done:
			if err != ErrClosed {
				t.Errorf("waiting Read: %v", err)
			}
		case <-time.After(5 * time.Second):
			t.Fatal("Close does not wake Read")
		}
		if err := c.Close(); err != ErrClosed {
			t.Errorf("second Close: %v", err)
		}
		if err := c.Send(Path{Remote: loopback}, []byte("x")); err != ErrClosed {
			t.Errorf("Send after Close: %v", err)
		}
		if _, err := c.Read(msgs, 0); err != ErrClosed {
			t.Errorf("Read after Close: %v", err)
		}
		if _, err := c.SendGroup(c.NewGroup(nil), []byte("x"), nil); err != nil && err != ErrClosed {
			t.Errorf("SendGroup after Close: %v", err)
		}
	})
}

func TestAllInterfaces(t *testing.T) {
	forKinds(t, func(t *testing.T, open func(netip.AddrPort) Conn) {
		c := open(netip.AddrPortFrom(netip.IPv6Unspecified(), 0))
		for _, host := range []string{"127.0.0.1", "::1"} {
			ip := netip.MustParseAddr(host)
			from := open(netip.AddrPortFrom(ip, 0))
			if err := from.Send(Path{Remote: netip.AddrPortFrom(ip, c.LocalAddr().Port())}, []byte(host)); err != nil {
				t.Fatal(err)
			}
			data, addr := take(t, c, 1)
			if data[0] != host || addr[0] != from.LocalAddr() {
				t.Errorf("got %q from %v, want it from %v", data[0], addr[0], from.LocalAddr())
			}
			if err := c.Send(Path{Remote: addr[0]}, []byte("back")); err != nil {
				t.Fatal(err)
			}
			take(t, from, 1)
		}
	})
}

// The socket is chosen by the number in the datagram, whoever sends it.
func TestSteering(t *testing.T) {
	conns, err := Listen(loopback, Options{Sockets: 3, SteerOffset: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range conns {
		defer c.Close()
	}
	if len(conns) == 1 {
		return // nothing to steer on this system
	}
	for range 4 {
		from, err := listenPlain(loopback)
		if err != nil {
			t.Fatal(err)
		}
		defer from.Close()
		for id := range uint32(9) {
			d := binary.BigEndian.AppendUint32([]byte{7}, id)
			if err := from.Send(Path{Remote: conns[0].LocalAddr()}, d); err != nil {
				t.Fatal(err)
			}
		}
		if err := from.Send(Path{Remote: conns[0].LocalAddr()}, []byte("abc")); err != nil { // too short: socket 0
			t.Fatal(err)
		}
	}
	for i, c := range conns {
		n := 12
		if i == 0 {
			n += 4
		}
		data, _ := take(t, c, n)
		for _, d := range data {
			if len(d) == 5 && int(d[4])%3 != i {
				t.Errorf("socket %d got number %d", i, d[4])
			}
		}
	}
}

// Nothing is allocated per datagram, also where each says the address that it was sent to.
func TestAllocs(t *testing.T) {
	for _, host := range []netip.Addr{loopback.Addr(), netip.IPv4Unspecified(), netip.IPv6Unspecified()} {
		c, err := Listen(netip.AddrPortFrom(host, 0), Options{})
		if err != nil {
			t.Fatal(err)
		}
		a := c[0]
		defer a.Close()
		self := Path{Remote: netip.AddrPortFrom(loopback.Addr(), a.LocalAddr().Port()), Local: loopback.Addr()}
		g := a.NewGroup([]Path{self, self, self})
		msgs, d, skip := make([]Message, BatchSize), make([]byte, 100), []int{1}
		allocs := testing.AllocsPerRun(100, func() {
			if _, err := a.SendGroup(g, d, skip); err != nil {
				t.Fatal(err)
			}
			if err := a.Send(self, d); err != nil {
				t.Fatal(err)
			}
			for n := 0; n < 3; {
				got, err := a.Read(msgs, time.Second)
				if err != nil || got == 0 {
					t.Fatal(got, err)
				}
				n += got
			}
		})
		if _, plain := a.(*plainConn); allocs != 0 && !plain {
			t.Errorf("%v: %v allocations per batch", host, allocs)
		}
	}
}
