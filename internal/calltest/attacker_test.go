package calltest

import (
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"

	"github.com/tincan-voice/tincan/engine"
	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/relay"
	"github.com/tincan-voice/tincan/stream"
)

// attacker sits between clients and the relay. It lets everything through, and for every
// datagram it sends three more: changed, repeated, invented.
type attacker struct {
	relay netip.AddrPort
	tcp   net.Listener
	udp   *net.UDPConn
	loops sync.WaitGroup

	mu    sync.Mutex
	conns []io.Closer
	flows map[netip.AddrPort]*net.UDPConn // by client
}

func startAttacker(t *testing.T, relay netip.AddrPort) *attacker {
	t.Helper()
	a := &attacker{relay: relay, flows: map[netip.AddrPort]*net.UDPConn{}}
	var err error
	if a.tcp, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	if a.udp, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(a.tcp.Addr().String()))); err != nil {
		t.Fatal(err)
	}
	a.conns = []io.Closer{a.tcp, a.udp}
	a.loops.Go(a.acceptTCP)
	a.loops.Go(a.up)
	t.Cleanup(func() {
		a.mu.Lock()
		for _, c := range a.conns {
			c.Close()
		}
		a.mu.Unlock()
		a.loops.Wait()
	})
	return a
}

func (a *attacker) keep(c io.Closer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.conns = append(a.conns, c)
}

func (a *attacker) acceptTCP() {
	for {
		client, err := a.tcp.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", a.relay.String())
		if err != nil {
			client.Close()
			continue
		}
		a.keep(client)
		a.keep(server)
		a.loops.Go(func() { io.Copy(server, client); server.Close() })
		a.loops.Go(func() { io.Copy(client, server); client.Close() })
	}
}

func (a *attacker) up() {
	rng := rand.New(rand.NewPCG(1, 1))
	buf := make([]byte, 2048)
	for {
		n, from, err := a.udp.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		flow := a.flows[from]
		if flow == nil {
			if flow, err = net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(a.relay)); err != nil {
				continue
			}
			a.flows[from] = flow
			a.keep(flow)
			a.loops.Go(func() { a.down(flow, from) })
		}
		attack(rng, buf[:n], func(d []byte) { flow.Write(d) })
	}
}

func (a *attacker) down(flow *net.UDPConn, to netip.AddrPort) {
	rng := rand.New(rand.NewPCG(2, 2))
	buf := make([]byte, 2048)
	for {
		n, err := flow.Read(buf)
		if err != nil {
			return
		}
		attack(rng, buf[:n], func(d []byte) { a.udp.WriteToUDPAddrPort(d, to) })
	}
}

// attack sends the datagram among false ones.
func attack(rng *rand.Rand, d []byte, send func([]byte)) {
	changed := slices.Clone(d)
	changed[rng.IntN(len(changed))] ^= 1 << rng.IntN(8)
	invented := make([]byte, rng.IntN(200))
	for i := range invented {
		invented[i] = byte(rng.Uint32())
	}
	if len(invented) > netproto.HeaderSize {
		copy(invented, d[:netproto.HeaderSize]) // looks like one of theirs
	}
	send(changed)
	send(d)
	send(d)
	send(invented)
}

// Whatever is changed, repeated or invented on the way is neither forwarded nor heard, and
// does not stop what is genuine.
func TestAttackerInTheMiddle(t *testing.T) {
	server := StartRelay(t, relay.Config{SessionRate: 1000})
	evil := startAttacker(t, server.Addr())
	bob := Join(t, evil.tcp.Addr().String(), "Bob", engine.Config{})
	ann := Join(t, evil.tcp.Addr().String(), "Ann", engine.Config{Source: Babble(1), Stride: 1})
	Eventually(t, "Bob hears Ann", func() bool {
		p := bob.Stats().Peers
		return len(p) == 1 && p[0].Frames > 100
	})
	s := bob.Stats()
	p := s.Peers[0]
	if sent := ann.Stats().Link.Sent; p.Datagrams > sent {
		t.Errorf("%d datagrams heard of %d sent", p.Datagrams, sent)
	}
	if p.Buffer.Restarts != 0 {
		t.Errorf("false frames came through: %+v", p.Buffer)
	}
	if d := s.Link.Drops; d[stream.DropForged] < 50 || d[stream.DropReplayed] < 50 {
		t.Errorf("drops of the listener: %v", d)
	}
	drops := server.Stats().Dropped
	if drops[relay.DropForged] < 50 || drops[relay.DropReplayed] < 50 {
		t.Errorf("drops of the relay: %v", drops)
	}
	if !s.Link.Alive || len(bob.Stats().Peers) != 1 {
		t.Errorf("%+v", s.Link)
	}
}
