package relay

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/relaytest"
	"github.com/tincan-voice/tincan/netproto"
)

// testTunnel is the client's end of a tunnel.
type testTunnel struct {
	t      *testing.T
	conn   net.Conn
	stream []byte
}

func dialTunnel(t *testing.T, s *Server) *testTunnel {
	t.Helper()
	return dialTunnelFrom(t, s, "127.0.0.1")
}

// dialTunnelFrom has the address of the other end too.
func dialTunnelFrom(t *testing.T, s *Server, from string) *testTunnel {
	t.Helper()
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := tls.DialWithDialer(dialer, "tcp", s.here().String(), &tls.Config{NextProtos: []string{netproto.TunnelProtocol}, InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &testTunnel{t: t, conn: conn}
}

func (c *testTunnel) write(d []byte) {
	c.t.Helper()
	framed, err := netproto.AppendTunnel(nil, d)
	if err != nil {
		c.t.Fatal(err)
	}
	if _, err := c.conn.Write(framed); err != nil {
		c.t.Fatal(err)
	}
}

// read returns the next datagram, or nil after the wait.
func (c *testTunnel) read(wait time.Duration) []byte {
	_ = c.conn.SetReadDeadline(time.Now().Add(wait))
	for {
		d, rest, err := netproto.ParseTunnel(c.stream)
		if err == nil {
			c.stream = rest
			return d
		}
		buf := make([]byte, 4096)
		n, err := c.conn.Read(buf)
		if n == 0 && err != nil {
			return nil
		}
		c.stream = append(append([]byte(nil), c.stream...), buf[:n]...)
	}
}

// closed waits until the relay has closed the tunnel.
func (c *testTunnel) closed() {
	c.t.Helper()
	_ = c.conn.SetReadDeadline(time.Now().Add(inTime))
	_, err := io.Copy(io.Discard, c.conn)
	if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
		c.t.Error("the relay leaves the tunnel open")
	}
}

// enterTunnel moves a client into a tunnel of its own.
func (c *voiceClient) enterTunnel(s *Server) {
	c.t.Helper()
	c.tunnel = dialTunnel(c.t, s)
	c.settle()
}

// A session moves into a tunnel and back as it moves between addresses, and hears all and is heard meanwhile.
func TestTunnel(t *testing.T) {
	t.Parallel()
	s := startServer(t, everyone())
	var clients []*voiceClient
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		clients = append(clients, joinVoice(t, s, "", name))
	}
	for range 3 {
		for _, c := range clients {
			c.enterTunnel(s)
			exchange(t, clients, 5)
		}
		first := clients[0].tunnel
		for _, c := range clients[:3] {
			c.tunnel = nil
			c.settle()
			exchange(t, clients, 5)
		}
		if d := first.read(50 * time.Millisecond); d != nil {
			t.Errorf("%x in a tunnel that its session has left", d)
		}
	}
	for _, c := range clients {
		c.silent()
	}
}

// Who moves into a tunnel from nowhere, as UDP does not get through at all, is challenged there too.
func TestTunnelFromTheStart(t *testing.T) {
	s := startServer(t, everyone())
	a, b := joinVoice(t, s, "", "a"), joinVoice(t, s, "", "b")
	b.enterTunnel(s)
	a.enterTunnel(s)
	exchange(t, []*voiceClient{a, b}, 20)
}

// A tunnel whose client reads nothing costs the others nothing, and itself what has waited for too long.
func TestTunnelStandsStill(t *testing.T) {
	t.Parallel()
	cfg := everyone()
	cfg.SessionRate = 5000 // as it takes much to fill a tunnel
	s := startServer(t, cfg)
	a, b, c := joinVoice(t, s, "", "a"), joinVoice(t, s, "", "b"), joinVoice(t, s, "", "c")
	b.enterTunnel(s)
	still := joinVoice(t, s, "", "still")
	still.enterTunnel(s)
	overdue := func() uint64 { return s.Stats().Dropped[DropOverdue] }
	big := string(make([]byte, 1000))
	for end := time.Now().Add(60 * time.Second); overdue() == 0; {
		if time.Now().After(end) {
			t.Fatal("nothing that waits is dropped")
		}
		var said [][]byte
		for range 10 {
			said = append(said, a.say(big))
		}
		relaytest.SameSet(t, b.hear(len(said)), said)
		relaytest.SameSet(t, c.hear(len(said)), said)
		time.Sleep(20 * time.Millisecond)
	}
	// It goes on with what is new.
	deadline := time.Now().Add(20 * time.Second)
	for heard := 0; heard < 10; {
		if time.Now().After(deadline) {
			t.Fatal("nothing comes when it reads again")
		}
		if still.read(200*time.Millisecond) == nil {
			said := [][]byte{a.say("news")}
			relaytest.SameSet(t, b.hear(1), said)
			relaytest.SameSet(t, c.hear(1), said)
			if still.hear(1); still.t.Failed() {
				return
			}
			heard++
		}
	}
}

// What a tunnel must not do, or not for long.
func TestTunnelEnds(t *testing.T) {
	t.Parallel()
	s := startServer(t, Config{LoginTimeout: 500 * time.Millisecond, SilenceTimeout: 4 * time.Second})
	t.Run("nobody's", func(t *testing.T) { dialTunnel(t, s).closed() })
	t.Run("nobody's, with much to say", func(t *testing.T) {
		c := dialTunnel(t, s)
		for framed, _ := netproto.AppendTunnel(nil, []byte("datagrams of no session")); ; time.Sleep(time.Millisecond) {
			if _, err := c.conn.Write(framed); err != nil {
				return
			}
		}
	})
	for name, stream := range map[string][]byte{
		"empty": {0, 0}, "too long": append([]byte{0x04, 0xb1}, make([]byte, 1201)...),
	} {
		t.Run(name, func(t *testing.T) {
			a := joinVoice(t, s, name, "a")
			a.enterTunnel(s)
			if _, err := a.tunnel.conn.Write(stream); err != nil {
				t.Fatal(err)
			}
			a.tunnel.closed()
			a.tunnel = nil
			a.bind()
			a.settle()
		})
	}
	t.Run("silent", func(t *testing.T) {
		a := joinVoice(t, s, "", "a")
		a.enterTunnel(s)
		begun := time.Now()
		a.tunnel.closed()
		if d := time.Since(begun); d < 2*time.Second {
			t.Errorf("closed after %v, and it was a session's path", d)
		}
	})
	t.Run("its session has left", func(t *testing.T) {
		a := joinVoice(t, s, "", "a")
		a.enterTunnel(s)
		a.send(`{"KEY": 4}`)
		a.tunnel.closed()
	})
	t.Run("the relay ends", func(t *testing.T) {
		s := startServer(t, Config{})
		a := joinVoice(t, s, "", "a")
		a.enterTunnel(s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		a.tunnel.closed()
	})
}

// Tunnels are connections of their address like all others.
func TestTunnelsAreCounted(t *testing.T) {
	s := startServer(t, Config{MaxConns: 4})
	a := joinVoice(t, s, "", "a")
	a.enterTunnel(s)
	pending := func() int {
		s.admission.mu.Lock()
		defer s.admission.mu.Unlock()
		return s.admission.waiting.Len()
	}
	for end := time.Now().Add(10 * time.Second); pending() != 0; {
		if time.Now().After(end) {
			t.Fatalf("%d connections count as without a name, and the tunnel is a session's", pending())
		}
		a.write(a.sealed(netproto.TypeProbe, netproto.AppendProbe(nil, netproto.Probe{})))
		a.read(50 * time.Millisecond)
	}
	dialTunnel(t, s)
	dialTunnel(t, s)
	dialTLS(t, s, &tls.Config{NextProtos: []string{netproto.TunnelProtocol}}).closed() // more than MaxConns
	if n := pending(); n != 2 {
		t.Errorf("%d connections without a session, want 2", n)
	}
}

// Who floods the relay through a tunnel has two reads of it under way at most, and hinders nobody.
func TestTunnelFlood(t *testing.T) {
	s := startServer(t, Config{Workers: 1, Talkers: -1})
	clients := []*voiceClient{joinVoice(t, s, "", "a"), joinVoice(t, s, "", "b"), joinVoice(t, s, "", "c")}
	clients[1].enterTunnel(s)
	flooder := joinVoice(t, s, "elsewhere", "flooder")
	flooder.enterTunnel(s)
	var flood []byte
	for range 100 {
		flood, _ = netproto.AppendTunnel(flood, []byte("a datagram of nobody"))
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			if _, err := flooder.tunnel.conn.Write(flood); err != nil {
				return
			}
		}
	})
	lane := s.lanes[0]
	for range 30 {
		exchange(t, clients, 3)
		lane.mu.Lock()
		waiting := len(lane.in)
		lane.mu.Unlock()
		if waiting > 4 {
			t.Errorf("%d batches of two tunnels wait", waiting)
		}
	}
	_ = flooder.tunnel.conn.(*tls.Conn).NetConn().Close()
	wg.Wait()
	if s.Stats().Dropped[DropMalformed]+s.Stats().Dropped[DropVersion]+s.Stats().Dropped[DropUnknown] == 0 {
		t.Errorf("no flood: %v", s.Stats().Dropped)
	}
}
