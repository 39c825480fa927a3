package relay

import (
	"crypto/tls"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

func TestConnectionLimits(t *testing.T) {
	s := startServer(t, Config{MaxPending: 2, MaxConns: 3})
	nameless := func() *tipClient {
		c := dialTIP(t, s)
		c.send(`{"KEY": 7, "PORT": 1}`)
		c.want(0)
		return c
	}
	first, a, b := nameless(), nameless(), nameless()
	first.closed() // has made room
	a.login("a", "a")
	b.login("b", "a", "b")
	nameless()
	c := dialTIP(t, s)
	c.send(`{"KEY": 2, "NAME": "c"}`)
	c.refused("too many connections")
}

// Who may not come in is told why in the language that it speaks.
func TestRefusalInTLS(t *testing.T) {
	s := startServer(t, Config{MaxConns: 1})
	dialTLS(t, s, &tls.Config{}).login("a", "a")
	for range 3 {
		c := dialTLS(t, s, &tls.Config{})
		c.send(`{"KEY": 2, "NAME": "b", "VOICE": 1, "FRESH": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}`)
		c.refused("too many connections")
	}
	plain := dialTIP(t, s)
	plain.send(`{"KEY": 2, "NAME": "b"}`)
	plain.refused("too many connections")
	tunnel := dialTLS(t, s, &tls.Config{NextProtos: []string{netproto.TunnelProtocol}})
	tunnel.closed() // who speaks in datagrams could not read it
}

// Those who are turned away hold nothing up, however many stay silent at the door.
func TestCrowdedDoor(t *testing.T) {
	s := startServer(t, Config{MaxConns: 1})
	a := dialTLS(t, s, &tls.Config{})
	a.login("a", "a")
	for range doorRoom {
		dialTIP(t, s)
	}
	within(t, "the door is full", func() bool { return len(s.door) == doorRoom })
	c := dialTIP(t, s)
	c.closed()
	a.send(`{"KEY": 7, "PORT": 1}`)
	a.want(0)
}

func TestAdmissionPerAddress(t *testing.T) {
	a := newAdmission(Config{MaxConns: 100, MaxPending: 100, MaxConnsPerAddr: 2, NamelessRate: 10})
	tests := []struct {
		addr string
		ok   bool
	}{
		{"192.0.2.1", true}, {"192.0.2.1", true}, {"192.0.2.1", false}, {"192.0.2.2", true},
		{"2001:db8::1", true}, {"2001:db8::2", true}, {"2001:db8::3", false},
		{"2001:db8:0:1::3", true}, {"2001:db8:0:2::3", true}, {"2001:db8:0:3::3", false}, // of a /56
		{"2001:db8:0:100::3", true}, {"2001:db8:0:200::3", true}, {"2001:db8:0:300::3", true}, {"2001:db8:0:400::3", true},
		{"2001:db8:0:500::3", false}, {"2001:db8:1::3", true}, // of a /48
		{"127.0.0.1", true}, {"127.0.0.1", true}, {"127.0.0.1", true}, {"::1", true}, {"::1", true}, {"::1", true},
	}
	var in []*entry
	for i, tt := range tests {
		e, refusal := a.enter(0, netip.MustParseAddr(tt.addr), nil)
		if (refusal == "") != tt.ok {
			t.Errorf("%d, %s: %q", i, tt.addr, refusal)
		}
		if e != nil {
			in = append(in, e)
		}
	}
	for _, e := range in {
		a.leave(e)
	}
	if a.all != 0 || a.waiting.Len() != 0 || len(a.open) != 0 {
		t.Errorf("left over: %+v", a)
	}
}

// Whoever sends a name may come more often than who does not, which is ten times per second.
func TestAdmissionRate(t *testing.T) {
	a := newAdmission(Config{MaxConns: 100, MaxPending: 100, MaxConnsPerAddr: 2, NamelessRate: 10})
	come := func(now time.Duration, addr string, named bool) bool {
		e, refusal := a.enter(now, netip.MustParseAddr(addr), nil)
		if refusal != "" {
			return false
		}
		if named {
			a.settle(now, e)
		}
		a.leave(e)
		return true
	}
	for _, tt := range []struct {
		addr     string
		named    bool
		from, to int
	}{{"192.0.2.1", false, 80, 82}, {"192.0.2.2", true, 240, 244}, {"127.0.0.1", false, 1000, 1000}} {
		taken := 0
		for range 1000 {
			if come(0, tt.addr, tt.named) {
				taken++
			}
		}
		if taken < tt.from || taken > tt.to {
			t.Errorf("%s, name %v: %d connections at once, want %d", tt.addr, tt.named, taken, tt.from)
		}
	}
	for i := range 100 {
		now := time.Duration(i+1) * 100 * time.Millisecond
		if !come(now, "192.0.2.1", false) {
			t.Error("an address that has used everything up waits for more than 0.1 s")
		}
	}
}

// Connections that say nothing, 5000 per second, from all networks of one customer or from many thousand addresses:
// those who mean it come in, and have the second that they need for their name.
func TestSilentConnections(t *testing.T) {
	for name, attacker := range map[string]func(i int) string{
		"one customer": func(i int) string { return fmt.Sprintf("2001:db8:0:%x::1", i%127) },
		"a botnet":     func(i int) string { return fmt.Sprintf("10.%d.%d.1", i%100, i/100%100) },
	} {
		cfg, _ := Config{StateDir: t.TempDir()}.withDefaults()
		a := newAdmission(cfg)
		refused, closed, attackers := 0, 0, 0
		var logins []*entry // of the last half second, that have not sent their names
		for ms := range 10_000 {
			now := time.Duration(ms) * time.Millisecond
			for i := range 5 {
				var e *entry
				if e, _ = a.enter(now, netip.MustParseAddr(attacker(5*ms+i)), func() { a.leave(e) }); e != nil {
					attackers++
				}
			}
			if ms%500 != 499 {
				continue
			}
			for _, e := range logins {
				if e.waits == nil {
					closed++
				}
				a.settle(now, e)
			}
			e, refusal := a.enter(now, netip.AddrFrom4([4]byte{192, 0, 2, byte(ms / 500)}), func() {})
			if logins = []*entry{e}; e == nil {
				logins = nil
				refused++
				t.Log(refusal)
			}
		}
		t.Logf("%s: %d connections of 50000 taken, %d waiting", name, attackers, a.waiting.Len())
		if refused+closed > 0 {
			t.Errorf("%s: of 20 logins %d were refused and %d closed before their names came", name, refused, closed)
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
		if p["KEY"] == 4.0 {
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
	c.refused("without an end")
	a.send(`"}`) // a name of that length is refused, and forgotten
	a.want(1)
	d := dialTIP(t, s)
	d.login("d", "d")
}
