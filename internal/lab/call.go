package lab

import (
	"context"
	"net/netip"
	"time"

	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/engine"
	"github.com/tincan-voice/tincan/internal/netsim"
	"github.com/tincan-voice/tincan/jitter"
	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/relay"
)

const (
	frame = netproto.FrameDuration
	// block is what the listener's sound card asks for at a time.
	block        = 10 * time.Millisecond
	blockSamples = codec.SampleRate / 100
	// after is how long the call goes on when all is said, so that what is under way is heard.
	after = 3 * time.Second
	// relayClock is what the relay's clock is ahead of the talker's frame 0: its members have
	// joined before.
	relayClock = time.Second
)

// call is one run.
type call struct {
	cfg  Config
	now  time.Duration
	core *relay.Core
	// worker hands what the relay sends to the pipes back to its members.
	worker   *relay.Worker
	members  [2]*member // talker and listener
	talker   *engine.Talker
	listener *engine.Listener

	frames int // sent so far
	heard  []float32
	log    *log
	// wireEnd is what the links had carried when the speech was over.
	wireEnd wireLoad
}

// The members of the room.
const (
	talks = iota
	listens
)

// Run makes the call. It returns ctx's error where that ends first.
func Run(ctx context.Context, cfg Config) (*Result, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	if err := cfg.fitCap(); err != nil {
		return nil, err
	}
	c, err := newCall(cfg)
	if err != nil {
		return nil, err
	}
	if err := c.run(ctx); err != nil {
		return nil, err
	}
	return c.result()
}

func newCall(cfg Config) (*call, error) {
	talkerLinks, listenerLinks, err := cfg.links()
	if err != nil {
		return nil, err
	}
	c := &call{cfg: cfg, core: relay.NewCore(relay.CoreConfig{}), log: newLog(len(cfg.Speech), cfg.Stride)}
	c.worker = c.core.NewWorker(relay.SendFunc(c.relaySends))
	if c.talker, err = engine.NewTalker(engine.TalkerConfig{
		Session: 1, // the relay's first, checked below
		Encoder: codec.EncoderConfig{Bitrate: cfg.Bitrate, FEC: cfg.FEC, DTX: cfg.DTX},
		Stride:  cfg.Stride, Copies: cfg.Copies,
	}); err != nil {
		return nil, err
	}
	c.listener = engine.NewListener(engine.ListenerConfig{
		Jitter:    jitter.Config{Trace: c.log.segment},
		NewBuffer: newBuffer(cfg.Buffer),
	})
	for i, links := range [2][2]netsim.Link{talkerLinks, listenerLinks} {
		m, err := c.core.Join(0, "lab", [2]string{"talker", "listener"}[i], netproto.Version)
		if err != nil {
			return nil, err
		}
		addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)}), 5000)
		c.members[i] = newMember(m, addr, links)
	}
	talker := c.members[talks]
	if talker.Session != 1 {
		panic("lab: the relay counts its sessions in a new way")
	}
	c.talker.SetKeys(talker.Epoch, talker.Secret, talker.HopKey.TagKey())
	c.listener.SetSecret(talker.Epoch, talker.Secret)
	c.listener.AddPeer(talker.Session, "talker")
	// Both prove their addresses before the call, over no network at all.
	for _, m := range c.members {
		c.worker.Handle(relayClock, m.addr, m.probe(0))
		for _, d := range m.inbox {
			if reply := m.take(0, d); reply != nil {
				c.worker.Handle(relayClock, m.addr, reply)
			}
		}
		m.inbox = nil
	}
	for _, m := range c.members {
		m.ready = true
	}
	return c, nil
}

// relaySends is the relay's output.
func (c *call) relaySends(to netip.AddrPort, d []byte) {
	for i, m := range c.members {
		switch {
		case m == nil || m.addr != to:
		case !m.ready:
			m.inbox = append(m.inbox, append([]byte(nil), d...))
		default:
			m.down.Send(c.now, d)
			c.log.wire[i].fromRelay.add(d)
			if i == listens {
				c.log.relayed(d)
			}
		}
	}
}

// run goes from event to event. At the same moment, what arrives comes first, then what is sent,
// then what is played.
func (c *call) run(ctx context.Context) error {
	said := (len(c.cfg.Speech) + codec.FrameSize - 1) / codec.FrameSize
	end := time.Duration(said)*frame + after
	c.heard = make([]float32, 0, int(end/block)*blockSamples)
	for step := 0; ; step++ {
		if step%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		full := time.Duration(c.frames+1) * frame
		play := time.Duration(len(c.heard)/blockSamples) * block
		next := min(full, play)
		for _, m := range c.members {
			next = min(next, m.nextProbe)
			for _, p := range []*netsim.Pipe{&m.up, &m.down} {
				if at, ok := p.Next(); ok {
					next = min(next, at)
				}
			}
		}
		if next >= end {
			return nil
		}
		c.now = next
		if c.arrivals() {
			continue
		}
		switch {
		case c.probes():
		case full == next:
			if err := c.speak(said); err != nil {
				return err
			}
		default:
			c.play()
		}
	}
}

// arrivals handles one datagram that arrives now, if there is one.
func (c *call) arrivals() bool {
	for i, m := range c.members {
		if d, _, ok := m.up.Receive(c.now); ok {
			c.worker.Handle(relayClock+c.now, m.addr, d)
			return true
		}
		if d, _, ok := m.down.Receive(c.now); ok {
			c.receive(i, m, d)
			return true
		}
	}
	return false
}

// receive is a member's socket.
func (c *call) receive(i int, m *member, d []byte) {
	if t, err := netproto.DatagramType(d); i == listens && err == nil && (t == netproto.TypeVoice || t == netproto.TypeBundle) {
		c.log.arrived(c.now, d)
		_ = c.listener.Handle(c.now, d) // what it drops shows in the figures
		return
	}
	if reply := m.take(c.now, d); reply != nil {
		c.send(i, reply)
	}
	if i == listens && m.least > 0 {
		c.listener.SetPathDelay(m.least)
	}
}

func (c *call) send(i int, d []byte) {
	c.members[i].up.Send(c.now, d)
	c.log.wire[i].toRelay.add(d)
}

// probes sends the probe that is due, if any.
func (c *call) probes() bool {
	for i, m := range c.members {
		if c.now >= m.nextProbe {
			c.send(i, m.probe(c.now))
			return true
		}
	}
	return false
}

// speak takes the next frame from the microphone.
func (c *call) speak(said int) error {
	var pcm [codec.FrameSize]float32
	if c.frames == said {
		c.wireEnd = c.log.wire
	}
	if c.frames < said {
		copy(pcm[:], c.cfg.Speech[c.frames*codec.FrameSize:])
	} else {
		c.talker.SetMuted(true)
	}
	d, err := c.talker.Frame(pcm[:])
	if err != nil {
		return err
	}
	c.frames++
	if d != nil {
		if c.frames <= said {
			c.log.sent(c.now, d)
		}
		c.send(talks, d)
	}
	return nil
}

// play fills the next block of the loudspeaker.
func (c *call) play() {
	c.log.position = len(c.heard)
	c.heard = c.heard[:len(c.heard)+blockSamples]
	c.listener.Mix(c.now, c.heard[len(c.heard)-blockSamples:])
	if len(c.heard)%codec.FrameSize == 0 {
		target := 0.0
		if peers := c.listener.Peers(c.now, nil); len(peers) > 0 {
			target = milliseconds(peers[0].Target)
		}
		c.log.targets = append(c.log.targets, target)
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
