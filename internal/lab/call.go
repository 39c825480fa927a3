package lab

import (
	"cmp"
	"context"
	"math"
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
	worker    *relay.Worker
	members   [2]*member // talker and listener
	sender    *engine.Sender
	listeners [2]*engine.Listener // the talker's tells the relay its round trip
	relayNext time.Duration       // when the relay has something to do, by the talker's clock

	frames int // sent so far
	steps  []Step
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
	c := &call{cfg: cfg, core: relay.NewCore(relay.CoreConfig{}), log: newLog(len(cfg.Speech))}
	c.heard = make([]float32, 0, int(c.end()/block)*blockSamples)
	c.worker = c.core.NewWorker(relay.SendFunc(c.relaySends))
	if c.sender, err = engine.NewSender(0, engine.SenderConfig{
		Talker: engine.TalkerConfig{
			Session: 1, // the relay's first, checked below
			Encoder: codec.EncoderConfig{Bitrate: cfg.Bitrate, FEC: cfg.FEC, DTX: cfg.DTX},
			Stride:  cfg.Stride, Copies: cfg.Copies,
		},
		Fixed: !cfg.Adaptive, Cap: cfg.Cap,
	}); err != nil {
		return nil, err
	}
	c.listeners[talks] = engine.NewListener(engine.ListenerConfig{})
	c.listeners[listens] = engine.NewListener(engine.ListenerConfig{
		Jitter:    jitter.Config{Trace: c.log.segment},
		NewBuffer: newBuffer(cfg.Buffer),
	})
	c.listeners[listens].SetCap(cfg.Cap)
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
	c.sender.Talker().SetKeys(talker.Epoch, talker.Secret, talker.HopKey.TagKey())
	c.listeners[listens].SetSecret(talker.Epoch, talker.Secret)
	c.listeners[listens].AddPeer(talker.Session, "talker")
	// Both prove their addresses before the call, over no network at all.
	for _, m := range c.members {
		c.worker.Handle(relayClock, m.addr, m.seal(netproto.TypeProbe, m.nextProbeBody(0)))
		for _, d := range m.inbox {
			if t, body, ok := m.open(d); ok && t == netproto.TypeChallenge {
				c.worker.Handle(relayClock, m.addr, m.seal(netproto.TypeChallengeReply, body))
			}
		}
		m.inbox = nil
	}
	for _, m := range c.members {
		m.ready = true
	}
	c.flush()
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
			c.log.wire[i].fromRelay.add(c.now, d)
			if i == listens {
				c.log.relayed(d)
			}
		}
	}
}

// run goes from event to event.
func (c *call) run(ctx context.Context) error {
	for step := 0; ; step++ {
		if step%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		next := c.due()
		if next >= c.end() {
			return nil
		}
		if err := c.step(next); err != nil {
			return err
		}
	}
}

// toSay is how many frames the speech has.
func (c *call) toSay() int { return (len(c.cfg.Speech) + codec.FrameSize - 1) / codec.FrameSize }

// end is when the call is over.
func (c *call) end() time.Duration { return time.Duration(c.toSay())*frame + after }

// filled is when the next frame of speech is full, and played when the loudspeaker needs its next block.
func (c *call) filled() time.Duration { return time.Duration(c.frames+1) * frame }
func (c *call) played() time.Duration { return time.Duration(len(c.heard)/blockSamples) * block }

// due is the time of the next event.
func (c *call) due() time.Duration {
	next := min(c.filled(), c.played(), c.relayNext)
	for _, m := range c.members {
		next = min(next, m.nextProbe)
		for _, p := range []*netsim.Pipe{&m.up, &m.down} {
			if at, ok := p.Next(); ok {
				next = min(next, at)
			}
		}
	}
	return next
}

// step handles the event that is due now. At the same moment, what arrives comes first, then what
// is sent, then what is played.
func (c *call) step(now time.Duration) error {
	c.now = now
	switch {
	case c.arrivals():
	case c.relayNext <= now:
		c.flush()
	case c.probes():
	case c.filled() == now:
		return c.speak()
	default:
		c.play()
	}
	return nil
}

// arrivals handles one datagram that arrives now, if there is one.
func (c *call) arrivals() bool {
	for i, m := range c.members {
		if d, _, ok := m.up.Receive(c.now); ok {
			c.worker.Handle(relayClock+c.now, m.addr, d)
			c.flush()
			return true
		}
		if d, _, ok := m.down.Receive(c.now); ok {
			c.receive(i, m, d)
			return true
		}
	}
	return false
}

// flush lets the relay do what is due, such as to ask for what was lost.
func (c *call) flush() {
	c.relayNext = math.MaxInt64
	if next, ok := c.worker.Flush(relayClock + c.now); ok {
		c.relayNext = max(next-relayClock, c.now)
	}
}

// receive is a member's socket.
func (c *call) receive(i int, m *member, d []byte) {
	l := c.listeners[i]
	l.Arrived(c.now, len(d)+netsim.HeaderBytes)
	if t, err := netproto.DatagramType(d); i == listens && err == nil && (t == netproto.TypeVoice || t == netproto.TypeBundle) {
		c.log.arrived(c.now, d)
		_ = l.Handle(c.now, d) // what it drops shows in the figures
		return
	}
	t, body, ok := m.open(d)
	switch {
	case !ok:
	case t == netproto.TypeChallenge:
		c.sendControl(i, netproto.TypeChallengeReply, body)
	case t == netproto.TypeProbeAck:
		if sent, ok := m.probed(c.now, body); ok {
			l.SetPath(m.least)
			l.SetRoundTrip(m.rtt)
			if i == talks {
				c.sender.Probed(c.now, sent)
			}
		}
	case i == talks && c.cfg.Adaptive:
		c.steer(t, body)
	}
}

// steer takes what the relay tells the talker.
func (c *call) steer(t netproto.Type, body []byte) {
	switch t {
	case netproto.TypeReport:
		if f, err := netproto.ParseFeedback(body); err == nil {
			c.sender.Heard(c.now, f)
		}
	case netproto.TypeNack:
		_ = c.sender.Nacked(c.now, body, func(d []byte) {
			c.log.sent(c.now, d, 0)
			c.send(talks, d)
		})
	}
}

func (c *call) send(i int, d []byte) {
	c.members[i].up.Send(c.now, d)
	c.log.wire[i].toRelay.add(c.now, d)
}

// sendControl sends what is no voice, if there is anything.
func (c *call) sendControl(i int, t netproto.Type, body []byte) {
	if body == nil || i == talks && !c.sender.Allow(c.now, netproto.HeaderSize+len(body)+netproto.TagSize) {
		return
	}
	c.send(i, c.members[i].seal(t, body))
}

// probes sends the probe that is due, if any.
func (c *call) probes() bool {
	for i, m := range c.members {
		if c.now >= m.nextProbe {
			c.sendControl(i, netproto.TypeProbe, m.nextProbeBody(c.now))
			return true
		}
	}
	return false
}

// speak takes the next frame from the microphone.
func (c *call) speak() error {
	said := c.toSay()
	var pcm [codec.FrameSize]float32
	if c.frames == said {
		c.wireEnd = c.log.wire
	}
	if c.frames < said {
		copy(pcm[:], c.cfg.Speech[c.frames*codec.FrameSize:])
	} else {
		c.sender.Talker().SetMuted(true)
	}
	d, err := c.sender.Frame(c.now, pcm[:])
	if err != nil {
		return err
	}
	if c.frames++; c.frames <= said {
		c.decided()
	}
	if d != nil {
		if c.frames <= said {
			c.log.sent(c.now, d, c.sender.Talker().New())
		}
		c.send(talks, d)
	}
	return nil
}

// decided notes how the talker sends.
func (c *call) decided() {
	d := c.sender.Stats(c.now).Decision
	c.log.coded = append(c.log.coded, coding{d.Bitrate, cmp.Or(d.CopyBitrate, d.Bitrate)})
	if n := len(c.steps); c.cfg.Adaptive && (n == 0 || c.steps[n-1].Reason != d.Reason) {
		c.steps = append(c.steps, Step{
			At: round(c.now.Seconds(), 2), Bitrate: d.Bitrate, Stride: d.Stride, Copies: append([]int{}, d.Copies...), CopyBitrate: d.CopyBitrate,
			FEC: d.FEC, Reason: d.Reason,
		})
	}
}

// play fills the next block of the loudspeaker.
func (c *call) play() {
	c.log.position = len(c.heard)
	c.heard = c.heard[:len(c.heard)+blockSamples]
	listener := c.listeners[listens]
	listener.Mix(c.now, c.heard[len(c.heard)-blockSamples:])
	if c.cfg.Adaptive {
		for i, l := range c.listeners {
			nack, report := l.Poll(c.now)
			c.sendControl(i, netproto.TypeNack, nack)
			c.sendControl(i, netproto.TypeReport, report)
		}
	}
	if len(c.heard)%codec.FrameSize == 0 {
		target := 0.0
		if peers := listener.Peers(c.now, nil); len(peers) > 0 {
			target = milliseconds(peers[0].Target)
		}
		c.log.targets = append(c.log.targets, target)
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
