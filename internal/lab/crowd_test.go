package lab

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/engine"
	"github.com/tincan-voice/tincan/internal/netsim"
	"github.com/tincan-voice/tincan/internal/relay/forward"
	"github.com/tincan-voice/tincan/internal/relay/rooms"
	"github.com/tincan-voice/tincan/netproto"
)

// crowd is a room in which all talk at once and all listen, so that nobody hears more than four of them.
type crowd struct {
	t       *testing.T
	now     time.Duration
	core    *rooms.Core
	worker  *forward.Worker
	members []*member
	speech  []float32
	said    []int // frames
	ends    []int // that each member was told of
}

// newCrowd makes a room of so many; link is the network from the relay to each of them.
func newCrowd(t *testing.T, people int, link func(i int) netsim.Link) *crowd {
	t.Helper()
	speech, err := MadeSpeech()
	if err != nil {
		t.Fatal(err)
	}
	c := &crowd{t: t, core: rooms.NewCore(rooms.Config{}), speech: speech, said: make([]int, people), ends: make([]int, people)}
	c.worker = c.core.NewWorker(forward.SendFunc(func(to netip.AddrPort, d []byte) {
		for _, m := range c.members {
			switch {
			case m.addr != to:
			case m.ready:
				m.down.Send(c.now, d)
			default:
				m.inbox = append(m.inbox, append([]byte(nil), d...))
			}
		}
	}))
	for i := range people {
		joined, err := c.core.Join(0, rooms.Newcomer{Room: "lab", Name: fmt.Sprint(i), Voice: netproto.Version})
		if err != nil {
			t.Fatal(err)
		}
		addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)}), 5000)
		links := [2]netsim.Link{netsim.Delay(5 * time.Millisecond), link(i)}
		m := newMember(joined, fmt.Sprint(i), addr, links, engine.NewListener(engine.ListenerConfig{}))
		cfg := engine.TalkerConfig{Session: m.Session, Encoder: codec.EncoderConfig{Bitrate: 24000, Complexity: 1}, Stride: 1}
		if i >= people/2 { // half of them in another way each
			cfg.Stride, cfg.Copies, cfg.Continuous = 1+i%3, [][]int{nil, {1}, {2}}[i%3], i%2 != 0
		}
		m.sender, err = engine.NewSender(0, engine.SenderConfig{Fixed: true, Talker: cfg})
		if err != nil {
			t.Fatal(err)
		}
		m.sender.Talker().SetTag(m.HopKey.TagKey())
		m.sender.Talker().SetSecret(epoch, secret, 0)
		c.members = append(c.members, m)
	}
	for _, m := range c.members {
		m.listener.SetSecret(0, epoch, secret)
		for _, other := range c.members {
			if other != m {
				m.listener.AddPeer(other.Session, other.name)
			}
		}
	}
	probes := call{core: c.core, worker: c.worker, members: c.members, relayNext: 1 << 60}
	probes.proveAddresses()
	return c
}

// run lets time pass, in steps of a millisecond; those for whom talks is true talk.
func (c *crowd) run(d time.Duration, talks func(i int) bool) {
	for end := c.now + d; c.now < end; c.now += time.Millisecond {
		c.worker.Flush(relayClock + c.now)
		for i, m := range c.members {
			for d, _, ok := m.up.Receive(c.now); ok; d, _, ok = m.up.Receive(c.now) {
				c.worker.Handle(relayClock+c.now, m.addr, d)
			}
			for d, _, ok := m.down.Receive(c.now); ok; d, _, ok = m.down.Receive(c.now) {
				c.receive(i, m, d)
			}
			c.tend(m)
			if c.now%frame == time.Duration(2*i)*time.Millisecond {
				c.speak(i, m, talks(i))
			}
			if c.now%block == 0 {
				var out [blockSamples]float32
				m.listener.Mix(c.now, out[:])
			}
		}
	}
}

func (c *crowd) receive(i int, m *member, d []byte) {
	m.listener.Arrived(c.now, len(d)+netsim.HeaderBytes)
	if voices(d) != nil {
		_ = m.listener.Handle(c.now, d)
		return
	}
	switch t, body, _ := m.open(d); t {
	case netproto.TypeProbeAck:
		if m.probed(c.now, body) {
			m.listener.SetPath(m.rtt.Least())
			m.listener.SetRoundTrip(m.rtt.Value())
		}
	case netproto.TypeNack:
		_ = m.sender.Nacked(c.now, body, func(d []byte) { m.up.Send(c.now, d) })
	case netproto.TypeEnd:
		c.ends[i]++
		if err := m.listener.Ends(c.now, body); err != nil {
			c.t.Error(err)
		}
	}
}

func (c *crowd) tend(m *member) {
	if c.now >= m.nextProbe {
		m.up.Send(c.now, m.seal(netproto.TypeProbe, m.nextProbeBody(c.now)))
	}
	if m.tendAt(c.now) > c.now {
		return
	}
	m.tended = c.now
	nack, report := m.listener.Poll(c.now)
	if nack != nil {
		m.up.Send(c.now, m.seal(netproto.TypeNack, nack))
	}
	if report != nil {
		m.up.Send(c.now, m.seal(netproto.TypeReport, report))
	}
}

func (c *crowd) speak(i int, m *member, talks bool) {
	frames := len(c.speech) / codec.FrameSize
	at := (c.said[i] + i*frames/len(c.members)) % frames * codec.FrameSize
	c.said[i]++
	m.sender.Talker().SetMuted(!talks)
	d, err := m.sender.Frame(c.now, c.speech[at:at+codec.FrameSize])
	if err != nil {
		c.t.Fatal(err)
	}
	if d != nil {
		m.up.Send(c.now, d)
	}
}

func all(int) bool { return true }

func crowdTime() time.Duration {
	if testing.Short() {
		return 8 * time.Second
	}
	return 20 * time.Second
}

// On a network that loses nothing nobody misses anything of eight who talk at once, though no more than four of them
// are forwarded at a time.
func TestNothingIsLostInACrowd(t *testing.T) {
	c := newCrowd(t, 8, func(int) netsim.Link { return netsim.Delay(5 * time.Millisecond) })
	c.run(crowdTime(), all)
	c.run(time.Second, func(int) bool { return false })
	if quiet := c.core.Stats().Dropped[forward.DropQuiet]; quiet < uint64(8*crowdTime()/frame/4) {
		t.Errorf("%d datagrams are left out", quiet)
	}
	for i, m := range c.members {
		if c.ends[i] == 0 {
			t.Errorf("listener %d is told of no end", i)
		}
		for _, p := range m.listener.Peers(c.now, nil) {
			if p.Lost+p.Repaired+p.Concealed+p.Late+p.Buffer.Dropped > 0 || p.Frames == 0 {
				t.Errorf("listener %d of %s: of %d frames lost %d, repaired %d, concealed %d, late %d, dropped %d",
					i, p.Name, p.Frames, p.Lost, p.Repaired, p.Concealed, p.Late, p.Buffer.Dropped)
			}
		}
		if d := m.listener.Drops(); d != [len(d)]uint64{} {
			t.Errorf("listener %d drops %v", i, d)
		}
	}
}

// Where a network loses one datagram in twenty the ends are told too, if need be a second time.
func TestLossInACrowd(t *testing.T) {
	c := newCrowd(t, 8, func(i int) netsim.Link {
		return netsim.Chain(netsim.Loss(0.05, uint64(i+1)), netsim.Delay(5*time.Millisecond))
	})
	c.run(crowdTime(), all)
	c.run(time.Second, func(int) bool { return false })
	for i, m := range c.members {
		var frames, concealed uint64
		for _, p := range m.listener.Peers(c.now, nil) {
			frames, concealed = frames+p.Frames, concealed+p.Concealed
		}
		t.Logf("listener %d: %d ends, %d frames, %d concealed", i, c.ends[i], frames, concealed)
		if concealed > frames/50 { // the rest is repaired
			t.Errorf("listener %d: %d of %d frames are made up", i, concealed, frames)
		}
	}
}
