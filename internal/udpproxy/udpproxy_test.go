package udpproxy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tincan-voice/tincan/internal/netsim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo is a relay that sends everything back, on TCP and UDP, and knows who spoke to it.
type echo struct {
	addr string
	mu   sync.Mutex
	from map[netip.AddrPort]bool
}

func startEcho(t *testing.T) *echo {
	t.Helper()
	l, u, err := listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e := &echo{addr: l.Addr().String(), from: map[netip.AddrPort]bool{}}
	var work sync.WaitGroup
	t.Cleanup(func() { l.Close(); u.Close(); work.Wait() })
	work.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			work.Go(func() { io.Copy(c, c); c.Close() })
		}
	})
	work.Go(func() {
		buf := make([]byte, 2000)
		for {
			n, from, err := u.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			e.mu.Lock()
			e.from[from] = true
			e.mu.Unlock()
			u.WriteToUDPAddrPort(buf[:n], from)
		}
	})
	return e
}

func start(t *testing.T, cfg Config) *Proxy {
	t.Helper()
	p, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func dial(t *testing.T, network string, p *Proxy) net.Conn {
	t.Helper()
	c, err := net.Dial(network, p.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(20 * time.Second))
	return c
}

func perfect(uint64) (up, down netsim.Link) { return netsim.Chain(), netsim.Chain() }

func TestUDPGoesThroughTheLinks(t *testing.T) {
	relay := startEcho(t)
	const oneWay = 30 * time.Millisecond
	var mu sync.Mutex
	var numbers []uint64
	p := start(t, Config{Target: relay.addr, Network: func(n uint64) (up, down netsim.Link) {
		mu.Lock()
		defer mu.Unlock()
		numbers = append(numbers, n)
		return netsim.Delay(oneWay), netsim.Chain(netsim.Duplicate(1, netsim.Uniform(0, 0), 1), netsim.Delay(oneWay))
	}})
	a, b := dial(t, "udp", p), dial(t, "udp", p)
	for i, c := range []net.Conn{a, b} {
		sent := time.Now()
		fmt.Fprintf(c, "hello %d", i)
		buf := make([]byte, 100)
		for range 2 { // the duplicate too
			n, err := c.Read(buf)
			if err != nil || string(buf[:n]) != fmt.Sprintf("hello %d", i) {
				t.Fatalf("got %q, %v", buf[:n], err)
			}
			if took := time.Since(sent); took < 2*oneWay {
				t.Errorf("back after %v, the network takes %v", took, 2*oneWay)
			}
		}
	}
	relay.mu.Lock()
	if len(relay.from) != 2 {
		t.Errorf("the relay saw %d addresses, want one per client", len(relay.from))
	}
	relay.mu.Unlock()
	s := p.Stats()
	if s.Flows != 2 || s.Up.Received != 2 || s.Up.Bytes != 14 || s.Down.Delivered < 3 || fmt.Sprint(numbers) != "[0 1]" {
		t.Errorf("%+v, numbers %v", s, numbers)
	}
}

func TestLossIsCounted(t *testing.T) {
	relay := startEcho(t)
	p := start(t, Config{Target: relay.addr, Network: func(uint64) (up, down netsim.Link) {
		return netsim.Loss(1, 1), netsim.Chain()
	}})
	c := dial(t, "udp", p)
	for range 3 {
		c.Write([]byte("gone"))
	}
	eventually(t, func() bool { return p.Stats().Up.Lost == 3 })
}

func TestTCPIsUntouched(t *testing.T) {
	relay := startEcho(t)
	p := start(t, Config{Target: relay.addr, Network: perfect})
	c := dial(t, "tcp", p).(*net.TCPConn)
	want := bytes.Repeat([]byte("package"), 50_000)
	go func() { c.Write(want); c.CloseWrite() }()
	got, err := io.ReadAll(c)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes came back of %d, %v", len(got), len(want), err)
	}
	eventually(t, func() bool { return p.Stats().Connections == 0 })
}

func TestIdleFlowsEnd(t *testing.T) {
	relay := startEcho(t)
	p := start(t, Config{Target: relay.addr, Network: perfect, Idle: 20 * time.Millisecond})
	c := dial(t, "udp", p)
	buf := make([]byte, 10)
	for range 2 { // a client that comes back gets a new flow
		c.Write([]byte("x"))
		if _, err := c.Read(buf); err != nil {
			t.Fatal(err)
		}
		eventually(t, func() bool { return p.Stats().Flows == 0 })
	}
	if s := p.Stats(); s.Up.Received != 2 || s.Down.Delivered != 2 {
		t.Errorf("the counters of ended flows are gone: %+v", s)
	}
}

func TestBounds(t *testing.T) {
	relay := startEcho(t)
	p := start(t, Config{Target: relay.addr, MaxFlows: 1, MaxUnderWay: 2, Network: func(uint64) (up, down netsim.Link) {
		return netsim.Delay(time.Hour), netsim.Chain()
	}})
	a := dial(t, "udp", p)
	for range 5 {
		a.Write([]byte("x"))
	}
	eventually(t, func() bool { s := p.Stats(); return s.Up.Received == 5 && s.Up.Refused == 3 })
	dial(t, "udp", p).Write([]byte("one too many"))
	eventually(t, func() bool { s := p.Stats(); return s.Up.Refused == 4 && s.Flows == 1 })
}

func TestCloseEndsOpenConnections(t *testing.T) {
	relay := startEcho(t)
	p, err := Start(Config{Target: relay.addr, Network: perfect})
	if err != nil {
		t.Fatal(err)
	}
	c, u := dial(t, "tcp", p), dial(t, "udp", p)
	buf := make([]byte, 1)
	for _, c := range []net.Conn{c, u} {
		c.Write(buf)
		if _, err := c.Read(buf); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // closing twice is fine
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := c.Read(buf); err == nil {
		t.Error("the connection outlived the proxy")
	}
}

func TestBadAddresses(t *testing.T) {
	if _, err := Start(Config{Target: "nowhere", Network: perfect}); err == nil {
		t.Error("a target without a port is accepted")
	}
	if _, err := Start(Config{Listen: "256.0.0.1:1", Target: "127.0.0.1:1", Network: perfect}); err == nil {
		t.Error("a bad listen address is accepted")
	}
}

// eventually waits for what other goroutines are about to do.
func eventually(t *testing.T, done func() bool) {
	t.Helper()
	for range 1000 {
		if done() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("it never happened")
}

func TestHoldAndMove(t *testing.T) {
	relay := startEcho(t)
	p := start(t, Config{Target: relay.addr, Network: perfect})
	echoes := func(c net.Conn) {
		t.Helper()
		buf := make([]byte, 1)
		c.Write(buf)
		if _, err := c.Read(buf); err != nil {
			t.Fatal(err)
		}
	}
	a, u := dial(t, "tcp", p), dial(t, "udp", p)
	echoes(a)
	echoes(u)

	p.Hold(true)
	b := dial(t, "tcp", p)
	buf := make([]byte, 1)
	for _, c := range []net.Conn{a, b} { // as far as that can be seen
		c.Write(buf)
		c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		if _, err := c.Read(buf); err == nil {
			t.Error("TCP gets through")
		}
		c.SetReadDeadline(time.Now().Add(20 * time.Second))
	}
	echoes(u)
	p.Hold(false)
	for _, c := range []net.Conn{a, b} { // nothing is lost
		if _, err := c.Read(buf); err != nil {
			t.Error(err)
		}
	}

	p.Move(netip.MustParseAddr("127.0.0.1"), 0)
	for _, c := range []net.Conn{a, b} {
		if n, err := c.Read(buf); err == nil {
			t.Errorf("%d bytes over the old way", n)
		}
	}
	echoes(u)
	relay.mu.Lock()
	if len(relay.from) != 2 {
		t.Errorf("the relay saw %d addresses, want two", len(relay.from))
	}
	relay.mu.Unlock()
	p.Move(netip.Addr{}, time.Hour)
	echoes(dial(t, "tcp", p))
	eventually(t, func() bool { return p.Stats().Connections == 1 })

	c := dial(t, "tcp", p)
	echoes(c)
	p.Move(netip.Addr{}, time.Hour)
	c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if _, err := c.Read(buf); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("TCP is told: %v", err)
	}
}
