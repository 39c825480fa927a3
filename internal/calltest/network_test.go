package calltest

import (
	"context"
	"crypto/tls"
	"net"
	"sync/atomic"
	"testing"

	"github.com/tincan-voice/tincan/engine"
	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/relay"
)

// given is a network that a test gives to a call, and can stop.
type given struct {
	address string // of the relay
	deaf    atomic.Bool
	broken  atomic.Bool
	opened  atomic.Int32 // sockets for datagrams
	control atomic.Pointer[net.Conn]
}

func (g *given) stream(protocols ...string) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) {
		d := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, NextProtos: protocols}}
		conn, err := d.DialContext(ctx, "tcp", g.address)
		if err == nil && len(protocols) == 0 {
			g.control.Store(&conn)
		}
		return conn, err
	}
}

func (g *given) network() *engine.Network {
	return &engine.Network{
		Control: g.stream(),
		Tunnel:  g.stream(netproto.TunnelProtocol),
		Datagrams: func() (engine.DatagramConn, error) {
			g.opened.Add(1)
			conn, err := net.Dial("udp", g.address)
			if err != nil {
				return nil, err
			}
			return &givenUDP{conn.(*net.UDPConn), g}, nil
		},
		Overhead: 57, TunnelOverhead: 103,
	}
}

// givenUDP loses what is sent while the network is deaf, and fails while it is broken.
type givenUDP struct {
	*net.UDPConn
	net *given
}

func (u *givenUDP) Write(d []byte) (int, error) {
	switch {
	case u.net.broken.Load():
		return 0, context.Canceled
	case u.net.deaf.Load():
		return len(d), nil
	}
	return u.UDPConn.Write(d)
}

// A call on a network that it is given is one as others are: voice by datagrams, by the tunnel while they do not come
// through, another socket where one breaks, and the same session when the connection is lost.
func TestGivenNetwork(t *testing.T) {
	t.Parallel()
	server := StartRelay(t, relay.Config{})
	address := server.Addr().String()
	g := &given{address: address}
	ann := Join(t, "nowhere.example", "Ann", engine.Config{Network: g.network(), Source: Babble(1)})
	bob := Join(t, address, "Bob", engine.Config{Source: Babble(2)})
	Await(t, ann, "Bob talks", talks("Bob"))
	Await(t, bob, "Ann talks", talks("Ann"))
	if s := ann.Stats().Link; s.Path != engine.PathUDP || s.Trust != engine.TrustNetwork || s.SentBytes < s.Sent*57 {
		t.Errorf("%+v", s)
	}
	flows := func(what string) {
		t.Helper()
		for _, c := range []*engine.Call{ann, bob} {
			before := c.Stats().Peers[0].Datagrams
			Eventually(t, what, func() bool { return c.Stats().Peers[0].Datagrams > before+25 })
		}
	}

	g.deaf.Store(true)
	Await(t, ann, "the tunnel", func(e engine.PathChanged) bool { return e.Path == engine.PathTunnel })
	flows("voice by the tunnel")
	g.deaf.Store(false)
	Await(t, ann, "datagrams", func(e engine.PathChanged) bool { return e.Path == engine.PathUDP })

	opened := g.opened.Load()
	g.broken.Store(true)
	Eventually(t, "another socket", func() bool { return g.opened.Load() > opened })
	g.broken.Store(false)
	flows("voice after that")

	(*g.control.Load()).Close()
	if e := Await(t, ann, "it comes back", func(engine.Reconnected) bool { return true }); !e.Resumed {
		t.Error("under another session")
	}
	flows("voice in the session that was")
}

// Where there are no datagrams voice takes the tunnel from the first second on.
func TestGivenNetworkWithoutDatagrams(t *testing.T) {
	t.Parallel()
	server := StartRelay(t, relay.Config{})
	address := server.Addr().String()
	network := (&given{address: address}).network()
	network.Datagrams = nil
	ann := Join(t, "nowhere.example", "Ann", engine.Config{Network: network, Source: Babble(1)})
	bob := Join(t, address, "Bob", engine.Config{Source: Babble(2)})
	Await(t, ann, "the tunnel", func(e engine.PathChanged) bool { return e.Path == engine.PathTunnel })
	Await(t, ann, "Bob talks", talks("Bob"))
	Await(t, bob, "Ann talks", talks("Ann"))
}

func TestGivenNetworkThatLeadsNowhere(t *testing.T) {
	network := (&given{address: "127.0.0.1:1"}).network()
	_, err := engine.Join(context.Background(), engine.Config{Address: "nowhere.example", Name: "Ann", Network: network})
	if err == nil {
		t.Fatal("joined")
	}
	t.Log(err)
}
