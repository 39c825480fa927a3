package relay

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestConnectionLimits(t *testing.T) {
	s := startServer(t, Config{MaxPending: 2, MaxConns: 3})
	a, b := dialTIP(t, s), dialTIP(t, s)
	a.send(`{"KEY": 7, "PORT": 1}`)
	a.want(0)
	b.send(`{"KEY": 7, "PORT": 1}`)
	b.want(0)
	dialTIP(t, s).errorThenClosed("without a name")
	a.login("a", "a")
	b.login("b", "a", "b")
	c := dialTIP(t, s)
	c.send(`{"KEY": 7, "PORT": 1}`)
	c.want(0)
	dialTIP(t, s).errorThenClosed("too many connections")
}

func TestAdmissionPerAddress(t *testing.T) {
	a := newAdmission(Config{MaxConns: 100, MaxPending: 100, MaxConnsPerAddr: 2, NamelessRate: 10})
	tests := []struct {
		addr string
		ok   bool
	}{
		{"192.0.2.1", true}, {"192.0.2.1", true}, {"192.0.2.1", false}, {"192.0.2.2", true},
		{"2001:db8::1", true}, {"2001:db8::2", true}, {"2001:db8::3", false}, {"2001:db8:0:1::3", true},
		{"127.0.0.1", true}, {"127.0.0.1", true}, {"127.0.0.1", true}, {"::1", true}, {"::1", true}, {"::1", true},
	}
	for i, tt := range tests {
		if refusal := a.enter(0, netip.MustParseAddr(tt.addr)); (refusal == "") != tt.ok {
			t.Errorf("%d, %s: %q", i, tt.addr, refusal)
		}
	}
	for _, tt := range tests {
		if tt.ok {
			a.leave(netip.MustParseAddr(tt.addr), false)
		}
	}
	if a.all != 0 || a.pending != 0 || len(a.byAddr) != 0 {
		t.Errorf("left over: %+v", a)
	}
}

// Whoever sends a name may come as often as he likes; who does not, ten times per second.
func TestAdmissionRate(t *testing.T) {
	a := newAdmission(Config{MaxConns: 100, MaxPending: 100, MaxConnsPerAddr: 2, NamelessRate: 10})
	come := func(now time.Duration, addr string, named bool) bool {
		from := netip.MustParseAddr(addr)
		if a.enter(now, from) != "" {
			return false
		}
		if named {
			a.named(from)
		}
		a.leave(from, named)
		return true
	}
	for range 1000 {
		if !come(0, "192.0.2.1", true) {
			t.Fatal("refused, though all sent their names")
		}
	}
	taken := 0
	for range 1000 {
		if come(0, "192.0.2.1", false) {
			taken++
		}
	}
	if taken < 80 || taken > 82 {
		t.Errorf("%d connections without a name at once, want 8 s of 10", taken)
	}
	if come(0, "192.0.2.1", true) || !come(time.Second, "192.0.2.1", true) {
		t.Error("an address that has used everything up waits neither more nor less than a second")
	}
	for range 1000 {
		if !come(0, "127.0.0.1", false) {
			t.Fatal("loopback is limited")
		}
	}
}

func TestPackageRate(t *testing.T) {
	s := startServer(t, Config{PackageRate: 1})
	a := dialTIP(t, s)
	a.login("a", "a")
	a.send(strings.Repeat(`{"KEY": 7, "PORT": 1}`, 20))
	for range 10 { // 4 s of packages may be saved up
		p := a.next()
		if p["KEY"] == 1.0 {
			if !strings.Contains(fmt.Sprint(p["REASON"]), "too many packages") {
				t.Error(p)
			}
			a.closed()
			return
		}
	}
	t.Error("not shown the door")
}

// Packages that never end fill no memory: the last one to send of them has to go.
func TestPackagesWithoutEnd(t *testing.T) {
	s := startServer(t, Config{MaxBegun: 3000})
	half := `{"KEY": 2, "NAME": "` + strings.Repeat("x", 1480)
	a, b, c := dialTIP(t, s), dialTIP(t, s), dialTIP(t, s)
	a.send(half)
	b.send(half)
	for range 200 {
		if s.begun.Load() == int64(2*len(half)) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	c.send(half)
	c.errorThenClosed("without an end")
	a.send(`"}`) // a name of that length is refused, and forgotten
	a.want(1)
	d := dialTIP(t, s)
	d.login("d", "d")
}
