package calltest

import (
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/audio"
	"github.com/tincan-voice/tincan/engine"
	"github.com/tincan-voice/tincan/internal/netsim"
	"github.com/tincan-voice/tincan/internal/udpproxy"
	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/relay"
)

// begins and ends are faults of a kind whose text says something.
func begins(kind engine.FaultKind, says string) func(engine.Fault) bool {
	return func(f engine.Fault) bool { return f.Kind == kind && f.On && strings.Contains(f.Text, says) }
}

func ends(kind engine.FaultKind, says string) func(engine.Fault) bool {
	return func(f engine.Fault) bool { return f.Kind == kind && !f.On && strings.Contains(f.Text, says) }
}

// faults are those of a call, but for what a busy machine brings about: the others come late, and devices are slow.
func faults(call *engine.Call) []engine.FaultStats {
	return slices.DeleteFunc(call.Stats().Faults, func(f engine.FaultStats) bool {
		return f.Kind == engine.FaultAlone || f.Kind == engine.FaultInputSlow || f.Kind == engine.FaultOutputSlow
	})
}

// way lets datagrams through that are no longer than most.
type way struct{ most atomic.Int64 }

const (
	all   = netproto.MaxDatagram
	small = 40 // as probes are, but no voice
	no    = 0
)

func (w *way) Send(now time.Duration, size int) netsim.Fate {
	if int64(size) > w.most.Load() {
		return netsim.Lost
	}
	return netsim.Arrive(now)
}

// startMiddle puts something between clients and a relay that can stop UDP, each way.
func startMiddle(t *testing.T, target string) (address string, up, down *way) {
	t.Helper()
	up, down = &way{}, &way{}
	up.most.Store(all)
	down.most.Store(all)
	p := startProxy(t, "", target, up, down)
	return p.Addr().String(), up, down
}

// startProxy starts one at an address, or any. It lets everything through if it is given no other ways, up and down.
func startProxy(t *testing.T, address, target string, ways ...*way) *udpproxy.Proxy {
	t.Helper()
	for len(ways) < 2 {
		open := &way{}
		open.most.Store(all)
		ways = append(ways, open)
	}
	p, err := udpproxy.Start(udpproxy.Config{Listen: address, Target: target, Network: func(uint64) (netsim.Link, netsim.Link) {
		return ways[0], ways[1]
	}})
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

// tcpOnly passes on TCP connections to a port where no UDP is taken, as a firewall or
// `socat TCP-LISTEN:9999,fork TCP:relay:9999` does.
func tcpOnly(t *testing.T, target string) (address string) {
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
			server, err := net.Dial("tcp", target)
			if err != nil {
				t.Error(err)
				client.Close()
				return
			}
			for _, c := range [][2]net.Conn{{client, server}, {server, client}} {
				work.Go(func() {
					io.Copy(c[0], c[1])
					c[0].Close()
				})
			}
		}
	})
	return listener.Addr().String()
}

func TestUDPNeverWorks(t *testing.T) {
	t.Parallel()
	server := StartRelay(t, relay.Config{})
	address := tcpOnly(t, server.Addr().String())
	ann := Join(t, address, "Ann", engine.Config{Source: Babble(1)})
	Await(t, ann, "alone", begins(engine.FaultAlone, "the relay's default room"))
	f := Await(t, ann, "no UDP", begins(engine.FaultNoUDP, "open UDP as well as TCP"))
	if !strings.Contains(f.Text, address) {
		t.Errorf("%q does not say where", f.Text)
	}
}

func TestUDPStops(t *testing.T) {
	t.Parallel()
	server := StartRelay(t, relay.Config{})
	for _, tt := range []struct {
		name     string
		up, down int64
		kind     engine.FaultKind
		says     string
	}{
		{"both ways", no, no, engine.FaultUDPStopped, "you hear nobody"},
		{"from the relay", all, no, engine.FaultUDPStopped, "you hear nobody"},
		{"to the relay", no, all, engine.FaultNotHeard, "nobody hears you"},
		{"voice to the relay", small, all, engine.FaultNotHeard, "nobody hears you"},
		{"voice from the relay", all, small, engine.FaultNotHearing, "you hear nobody: others talk"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			address, up, down := startMiddle(t, server.Addr().String())
			ann := Join(t, address, "Ann", engine.Config{Source: Babble(1), Room: tt.name})
			bob := Join(t, server.Addr().String(), "Bob", engine.Config{Source: Babble(2), Room: tt.name})
			Await(t, ann, "Bob talks", talks("Bob"))
			Await(t, bob, "Ann talks", talks("Ann"))
			up.most.Store(tt.up)
			down.most.Store(tt.down)
			Await(t, ann, "the path dies", begins(tt.kind, tt.says))
			if f := faults(ann); len(f) != 1 || !f[0].On || f[0].Kind != tt.kind {
				t.Errorf("in force: %+v", f)
			}
			up.most.Store(all)
			down.most.Store(all)
			Await(t, ann, "the path is back", ends(tt.kind, "again"))
			if f := faults(ann); len(f) != 1 || f[0].On || f[0].Count != 1 || f[0].Total == 0 {
				t.Errorf("%+v", f)
			}
			if f := faults(bob); len(f) != 0 {
				t.Errorf("Bob: %+v", f)
			}
		})
	}
}

// Over TLS there is a tunnel, and none of that is a fault.
func TestTunnelWhereUDPStops(t *testing.T) {
	t.Parallel()
	server := StartRelay(t, relay.Config{})
	for _, tt := range []struct {
		name     string
		up, down int64
	}{
		{"both ways", no, no}, {"from the relay", all, no}, {"to the relay", no, all}, {"voice", small, small},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			address, up, down := startMiddle(t, server.Addr().String())
			ann := Join(t, address, "Ann", engine.Config{Source: Babble(1), Room: tt.name, KnownRelays: t.TempDir() + "/known"})
			bob := Join(t, server.Addr().String(), "Bob", engine.Config{Source: Babble(2), Room: tt.name})
			Await(t, ann, "Bob talks", talks("Bob"))
			Await(t, bob, "Ann talks", talks("Ann"))
			up.most.Store(tt.up)
			down.most.Store(tt.down)
			Await(t, ann, "the tunnel", func(e engine.PathChanged) bool { return e.Path == engine.PathTunnel && e.Reason != "" })
			heard := func(c *engine.Call) uint64 { return c.Stats().Peers[0].Datagrams }
			for _, c := range []*engine.Call{ann, bob} {
				before := heard(c)
				Eventually(t, "voice flows", func() bool { return heard(c) > before+25 })
			}
			up.most.Store(all)
			down.most.Store(all)
			Await(t, ann, "UDP", func(e engine.PathChanged) bool { return e.Path == engine.PathUDP })
			if f := append(faults(ann), faults(bob)...); len(f) > 0 {
				t.Errorf("%+v", f)
			}
		})
	}
}

func TestPassphrasesDiffer(t *testing.T) {
	t.Parallel()
	server := StartRelay(t, relay.Config{})
	address := server.Addr().String()
	ann := Join(t, address, "Ann", engine.Config{Source: Babble(1), Passphrase: "tin"})
	eve := Join(t, address, "Eve", engine.Config{})
	// Eve only listens: she sees that she cannot hear Ann, and Ann is told so by the relay.
	Await(t, eve, "Ann is not heard", begins(engine.FaultPassphrase, "you cannot hear Ann, nor can Ann hear you: a passphrase is used there, and none here"))
	Await(t, ann, "nobody can open it", begins(engine.FaultNotUnderstood, "none of the others can hear you"))
	// Bob talks, under a third one.
	bob := Join(t, address, "Bob", engine.Config{Source: Babble(2), Passphrase: "can"})
	Await(t, ann, "Bob is not heard", begins(engine.FaultPassphrase, "you cannot hear Bob"))
	Await(t, bob, "Ann is not heard", begins(engine.FaultPassphrase, "you cannot hear Ann"))
	bob.Leave()
	Await(t, ann, "Bob leaves", ends(engine.FaultPassphrase, "Bob has left"))
	eve.Leave()
	Join(t, address, "Eve", engine.Config{Passphrase: "tin"})
	Await(t, ann, "Eve has the passphrase", ends(engine.FaultNotUnderstood, "nobody is left"))
}

func TestAllOthersAreDeaf(t *testing.T) {
	t.Parallel()
	server := StartRelay(t, relay.Config{})
	ann := Join(t, server.Addr().String(), "Ann", engine.Config{Source: Babble(1)})
	bob := Join(t, server.Addr().String(), "Bob", engine.Config{})
	Await(t, bob, "Ann talks", talks("Ann"))
	bob.Deafen(true)
	Await(t, ann, "nobody listens", begins(engine.FaultNobodyListens, "turned their sound off"))
	bob.Deafen(false)
	Await(t, ann, "Bob listens", ends(engine.FaultNobodyListens, "you are heard again"))
	bob.Leave()
	Await(t, ann, "nobody is there", begins(engine.FaultAlone, "nobody else is in"))
	Join(t, server.Addr().String(), "Cid", engine.Config{})
	Await(t, ann, "Cid is there", ends(engine.FaultAlone, "not alone"))
}

// stuck is a Source and a Sink that can block, or break.
type stuck struct {
	blocked atomic.Bool
	err     error
	closed  chan struct{}
	once    sync.Once
}

func newStuck(err error) *stuck { return &stuck{err: err, closed: make(chan struct{})} }

func (*stuck) Live() {}

func (s *stuck) pass(samples int) error {
	for {
		select {
		case <-s.closed:
			return audio.ErrClosed
		case <-time.After(time.Duration(samples) * time.Second / audio.SampleRate):
		}
		if !s.blocked.Load() {
			return s.err
		}
	}
}

func (s *stuck) Read(pcm []float32) (int, error) {
	if err := s.pass(len(pcm)); err != nil {
		return 0, err
	}
	for i := range pcm {
		pcm[i] = 0.01
	}
	return len(pcm), nil
}

func (s *stuck) Write(pcm []float32) error { return s.pass(len(pcm)) }

func (s *stuck) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

func TestDevicesBlockAndBreak(t *testing.T) {
	t.Parallel()
	server := StartRelay(t, relay.Config{})
	dan := Join(t, server.Addr().String(), "Dan", engine.Config{Source: audio.PacedSource(audio.Tone(0, 0))}) // says nothing

	in, out := newStuck(nil), newStuck(nil)
	ann := Join(t, server.Addr().String(), "Ann", engine.Config{Source: in, Sink: out})
	both := func(what string, in, out func(engine.Fault) bool) {
		var gotIn, gotOut bool
		Await(t, ann, what, func(f engine.Fault) bool {
			gotIn, gotOut = gotIn || in(f), gotOut || out(f)
			return gotIn && gotOut
		})
	}
	in.blocked.Store(true)
	out.blocked.Store(true)
	both("they block", begins(engine.FaultInputStuck, "nothing comes from your input"), begins(engine.FaultOutputStuck, "takes no more sound"))
	in.blocked.Store(false)
	out.blocked.Store(false)
	both("they work", ends(engine.FaultInputStuck, "works again"), ends(engine.FaultOutputStuck, "works again"))

	broken := errors.New("unplugged")
	cid := Join(t, server.Addr().String(), "Cid", engine.Config{Source: newStuck(broken), Sink: newStuck(broken)})
	seen := map[engine.FaultKind]bool{}
	Await(t, cid, "both break", func(f engine.Fault) bool {
		seen[f.Kind] = f.On && strings.Contains(f.Text, "unplugged")
		return seen[engine.FaultInputFailed] && seen[engine.FaultOutputFailed]
	})
	Await(t, dan, "silence", begins(engine.FaultInputSilent, "your microphone is silent"))
}

// An ordinary call, with all that people do in it, has no faults.
func TestOrdinaryCallHasNoFaults(t *testing.T) {
	t.Parallel()
	server := StartRelay(t, relay.Config{})
	address := server.Addr().String()
	ann := Join(t, address, "Ann", engine.Config{Source: Babble(1)})
	bob := Join(t, address, "Bob", engine.Config{Source: Babble(2)})
	Await(t, ann, "Bob talks", talks("Bob"))
	Await(t, bob, "Ann talks", talks("Ann")) // a word of less than 100 ms may have no event
	ann.Mute(true)
	Await(t, bob, "Ann is silent", func(e engine.PeerTalking) bool { return !e.Talking })
	ann.Mute(false)
	Await(t, bob, "Ann talks", talks("Ann"))
	cid := Join(t, address, "Cid", engine.Config{})
	Await(t, cid, "Ann talks", talks("Ann"))
	cid.Leave()
	Await(t, ann, "Cid leaves", func(e engine.PeerLeft) bool { return e.Name == "Cid" })
	before := ann.Stats().Peers[0].Frames
	Eventually(t, "they go on talking", func() bool { return ann.Stats().Peers[0].Frames > before+250 })
	for _, c := range []*engine.Call{ann, bob, cid} {
		if f := faults(c); len(f) != 0 {
			t.Errorf("%+v", f)
		}
	}
}
