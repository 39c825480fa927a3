package relay

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tincan-voice/tincan/netproto"
)

// A relay takes the place of another one: who is there is told to go, who comes is let in by the new one, and no third
// one can come until the first has ended.
func TestReplace(t *testing.T) {
	dir := t.TempDir()
	listen := func(addr netip.AddrPort) (*Server, error) {
		return Listen(Config{Addr: addr, StateDir: dir, Workers: 2, Replace: addr.Port() != 0})
	}
	run := func(s *Server, err error) (*Server, <-chan error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		end := make(chan error, 1)
		go func() { end <- s.Serve(context.Background()) }()
		t.Cleanup(func() { _ = s.Close() })
		return s, end
	}
	first, firstEnds := run(Listen(Config{Addr: netip.MustParseAddrPort("127.0.0.1:0"), StateDir: dir, Workers: 2}))
	here := func(s *Server, name string) *tipClient {
		t.Helper()
		c := dialTLS(t, s, &tls.Config{})
		c.send(`{"KEY": 2, "NAME": "` + name + `", "VOICE": 1, "FRESH": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}`)
		c.want(3)
		c.want(6)
		if all := s.Clients(); len(all) != 1 || all[0].Name != name || all[0].Session>>31 == 1 != s.upper {
			t.Fatalf("%+v", all)
		}
		return c
	}
	ann := here(first, "ann")
	second, secondEnds := run(listen(first.Addr()))
	if p := ann.want(5); p["TIME"] != 10.0 || p["RELAY"] != nil {
		t.Errorf("%v", p)
	}
	bob := here(second, "bob")
	if _, err := listen(first.Addr()); err == nil || !strings.Contains(err.Error(), "log says why") {
		t.Errorf("a third one: %v", err)
	}
	ann.send(`{"KEY": 4}`)
	ends(t, firstEnds)
	if _, err := Listen(Config{Addr: first.Addr(), StateDir: dir}); !errors.Is(err, ErrPortInUse) {
		t.Errorf("by mistake: %v", err)
	}
	third, _ := run(listen(first.Addr()))
	bob.want(5)
	here(third, "eve")
	bob.send(`{"KEY": 4}`)
	ends(t, secondEnds)
}

// A session of the old relay whose tunnel is new reaches it through the new one.
func TestReplaceAndTunnels(t *testing.T) {
	cfg := everyone()
	cfg.StateDir = t.TempDir()
	first := startServer(t, cfg)
	a, b := joinVoice(t, first, "r", "a"), joinVoice(t, first, "r", "b")
	both := []*voiceClient{a, b}
	exchange(t, both, 2)
	cfg.Addr, cfg.Replace = first.Addr(), true
	second := startServer(t, cfg)
	b.enterTunnel(second)
	exchange(t, both, 5)
	a.enterTunnel(second)
	exchange(t, both, 5)
	c, d := joinVoice(t, second, "r", "c"), joinVoice(t, second, "r", "d")
	d.enterTunnel(second)
	exchange(t, []*voiceClient{c, d}, 5)
	exchange(t, both, 5)
	if n := second.ways(); n != 2 {
		t.Errorf("%d ways to the old relay", n)
	}

	// When the old relay has ended nothing is left of it, and its sessions' datagrams are strangers'.
	for _, x := range both {
		x.send(`{"KEY": 4}`)
	}
	<-second.predecessor.over
	late := dialTunnel(t, second)
	late.write(a.sealed(netproto.TypeProbe, netproto.AppendProbe(nil, netproto.Probe{Time: 1})))
	exchange(t, []*voiceClient{c, d}, 5)
	within(t, "it is nobody's datagram", func() bool { return second.Stats().Dropped[DropUnknown] > 0 })
	if n := second.ways(); n != 0 {
		t.Errorf("%d ways to a relay that has ended", n)
	}
}

func (s *Server) ways() int {
	s.predecessor.mu.Lock()
	defer s.predecessor.mu.Unlock()
	return len(s.predecessor.ways)
}

// A relay that takes another one's place has its bans and mutes, and learns of those that come while the old one
// drains.
func TestReplaceAndSanctions(t *testing.T) {
	cfg := everyone()
	cfg.StateDir = t.TempDir()
	first := startServer(t, cfg)
	a := joinVoice(t, first, "r", "a")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(first.Ban("192.0.2.7", time.Hour, ""))
	cfg.Addr, cfg.Replace, cfg.StateDir = first.Addr(), true, t.TempDir() // the file is not there
	second := startServer(t, cfg)
	within(t, "the second knows of the ban", func() bool { return len(second.Sanctions()) == 1 })
	must(second.Lift("192.0.2.7", false))
	b := joinVoice(t, second, "r", "b")
	must(first.Mute("127.0.0.1", time.Hour))
	within(t, "the second knows of the mute", func() bool { return len(second.Sanctions()) == 1 })
	within(t, "who is there is muted", func() bool { return second.Clients()[0].Muted })
	if p := b.until(6); p["MUTE"] != 3600.0 {
		t.Errorf("%v", p)
	}
	if who := second.Sanctions()[0]; !who.Mute || who.Who != "127.0.0.1/32" {
		t.Errorf("%+v", who)
	}
	a.send(`{"KEY": 4}`)
	<-second.predecessor.over
	must(second.Close())
	cfg.Replace = false
	if third := startServer(t, cfg); len(third.Sanctions()) != 1 {
		t.Errorf("%+v", third.Sanctions())
	}
}

// The old relay tells those who reach it through the new one from each other by network, as it does with all.
func TestPassedOnAreApart(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "0.0.0.0", "[::]"} {
		t.Run(host, func(t *testing.T) {
			cfg := everyone()
			cfg.StateDir, cfg.Addr = t.TempDir(), netip.MustParseAddrPort(host+":0")
			first := startServer(t, cfg)
			a, b, c := joinVoice(t, first, "r", "a"), joinVoice(t, first, "r", "b"), joinVoice(t, first, "r", "c")
			cfg.Addr, cfg.Replace = first.Addr(), true
			second := startServer(t, cfg)
			for from, who := range map[string][]*voiceClient{"127.0.0.1": {a, b}, "127.0.0.2": {c}} {
				for _, x := range who {
					x.tunnel = dialTunnelFrom(t, second, from)
					x.settle()
				}
			}
			exchange(t, []*voiceClient{a, b, c}, 5)
			at := make(map[string]netip.Addr)
			for _, x := range first.Clients() {
				at[x.Name] = x.Address.Addr()
			}
			if at["a"] != at["b"] || at["a"] == at["c"] {
				t.Errorf("a and b share an address, c has another: to the old relay they are at %v", at)
			}
		})
	}
}

// Without a relay to replace, Replace changes nothing.
func TestReplaceNobody(t *testing.T) {
	s := startServer(t, Config{})
	addr := s.Addr()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	startServer(t, Config{Addr: addr, Replace: true})
	other := netip.AddrPortFrom(netip.IPv4Unspecified(), addr.Port()) // which has another name
	if _, err := Listen(Config{Addr: other, StateDir: t.TempDir(), Replace: true}); !errors.Is(err, ErrPortInUse) {
		t.Error(err)
	}
}

// dies closes what a relay has that was not made to the end.
func dies(half *Server) {
	for _, c := range half.udp {
		_ = c.Close()
	}
	_ = half.listener.Close()
	_ = half.predecessor.conn.Close()
}

// A relay that ends does not wait for one that does not get ready.
func TestReplaceHangs(t *testing.T) {
	s := startServer(t, Config{})
	half := &Server{addr: s.Addr()}
	if there, err := half.takePlace(); !there || err != nil {
		t.Fatal(there, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	dies(half)
}

// The sockets stay non-blocking while they are handed over: a blocking accept could not be ended by Close.
func TestHandedSocketsDoNotBlock(t *testing.T) {
	s := startServer(t, Config{})
	conn, err := net.DialUnix("unix", nil, s.handoverName())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	handed, err := new(Server).receive(conn)
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range handed {
		raw, err := f.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		outer := raw.Control(func(fd uintptr) {
			if flags, err := unix.FcntlInt(fd, unix.F_GETFL, 0); err != nil || flags&unix.O_NONBLOCK == 0 {
				t.Errorf("socket %d blocks: flags %#x, %v", i, flags, err)
			}
		})
		if err := errors.Join(outer, f.Close()); err != nil {
			t.Error(err)
		}
	}
}

// A relay that does not get ready leaves the one that is there as it was.
func TestReplaceGivesUp(t *testing.T) {
	s := startServer(t, Config{Workers: 2})
	half := &Server{addr: s.Addr()}
	if there, err := half.takePlace(); !there || err != nil || len(half.udp) != 2 || !half.upper {
		t.Fatal(there, err)
	}
	dies(half)
	ann := dialTLS(t, s, &tls.Config{})
	ann.send(`{"KEY": 2, "NAME": "ann", "VOICE": 1, "FRESH": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}`)
	ann.want(3)
	ann.want(6)
}
