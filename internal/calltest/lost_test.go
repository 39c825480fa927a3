package calltest

import (
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/engine"
	"github.com/tincan-voice/tincan/internal/netsim"
	"github.com/tincan-voice/tincan/internal/udpproxy"
	"github.com/tincan-voice/tincan/relay"
)

// middle passes on TCP connections, but of the next few it ends each when the answer comes, of which the client gets nothing.
type middle struct {
	mu     sync.Mutex
	target string
	lose   int // so many
}

// leadTo has it pass on what comes from now on to an address, and returns how many answers were still to be lost.
func (m *middle) leadTo(target string, lose int) (left int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	left = m.lose
	m.target, m.lose = target, lose
	return left
}

// start returns the address where it listens.
func (m *middle) start(t *testing.T) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	t.Cleanup(func() { listener.Close(); work.Wait() })
	work.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			m.mu.Lock()
			target, lose := m.target, m.lose > 0
			m.lose--
			m.mu.Unlock()
			server, err := net.Dial("tcp", target)
			if err != nil {
				t.Error(err)
				client.Close()
				return
			}
			work.Go(func() {
				defer server.Close()
				_, _ = io.Copy(server, client)
			})
			work.Go(func() {
				defer client.Close()
				if lose {
					_, _ = server.Read(make([]byte, 1))
					return
				}
				_, _ = io.Copy(client, server)
			})
		}
	})
	return listener.Addr().String()
}

// A relay that has forgotten us lets us in, and the answer is lost, and the next one: there is one of us in the room all
// the same.
func TestAnswersAreLost(t *testing.T) {
	t.Parallel()
	first, second := StartRelay(t, relay.Config{}), StartRelay(t, relay.Config{})
	m := &middle{target: first.Addr().String()}
	ann := Join(t, m.start(t), "Ann", engine.Config{})
	m.leadTo(second.Addr().String(), 2)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	back := Await(t, ann, "back", func(engine.Reconnected) bool { return true })
	if all := second.Clients(); len(all) != 1 || all[0].Session != back.Session || all[0].Held || back.Resumed {
		t.Errorf("%+v, %+v", back, all)
	}
	if n := m.leadTo("", 0); n > 0 {
		t.Errorf("%d answers more were to be lost", n)
	}
	bob := Join(t, second.Addr().String(), "Bob", engine.Config{})
	Await(t, bob, "Ann is there", func(e engine.PeerJoined) bool { return e.Session == back.Session })
	ann.Leave()
	Await(t, bob, "Ann leaves", func(e engine.PeerLeft) bool { return e.Session == back.Session })
}

// The connection is lost, and neither end is told: who comes now, and says nothing, is listed all the same.
func TestNewcomerWhereTheListIsLost(t *testing.T) {
	t.Parallel()
	server := StartRelay(t, relay.Config{})
	proxy, err := udpproxy.Start(udpproxy.Config{Target: server.Addr().String(), Network: func(uint64) (netsim.Link, netsim.Link) {
		up, down := &way{}, &way{}
		up.most.Store(all)
		down.most.Store(all)
		return up, down
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer proxy.Close()
	ann := Join(t, proxy.Addr().String(), "Ann", engine.Config{})
	Eventually(t, "UDP works", func() bool { return ann.Stats().Link.Alive })
	proxy.Move(netip.Addr{}, time.Hour)
	cid := Join(t, server.Addr().String(), "Cid", engine.Config{})
	joined := Await(t, ann, "Cid comes", func(engine.PeerJoined) bool { return true })
	if joined.Session != cid.Session() || ann.Stats().Reconnects != 1 {
		t.Errorf("%+v, %+v", joined, ann.Stats())
	}
}
