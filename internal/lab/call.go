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
	"github.com/tincan-voice/tincan/internal/relay/forward"
	"github.com/tincan-voice/tincan/internal/relay/rooms"
	"github.com/tincan-voice/tincan/netproto"
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
	core *rooms.Core
	// worker hands what the relay sends to the pipes back to its members.
	worker    *forward.Worker
	members   []*member     // talker, listener, and who else talks
	relayNext time.Duration // when the relay has something to do, by the talker's clock

	frames   int    // sent so far
	arriving uint32 // the session whose voice the listener is given
	steps    []Step
	changes  int
	heard    []float32
	log      *log
	truth    Truth
	newestUp uint32 // of the talker's datagrams, at the relay
	// wireEnd is what the links had carried when the speech was over.
	wireEnd wireLoad
}

// The members of the room who are measured.
const (
	talks = iota
	listens
)

// Run makes the call. It returns ctx's error where that ends first.
func Run(ctx context.Context, cfg Config) (*Result, error) {
	c, err := prepare(cfg)
	if err != nil {
		return nil, err
	}
	if err := c.run(ctx); err != nil {
		return nil, err
	}
	return c.result()
}

// Check returns the error that Run would begin with, whatever is said.
func (c Config) Check() error {
	c.Speech = make([]float32, codec.FrameSize)
	_, err := prepare(c)
	return err
}

// prepare makes a call that can begin.
func prepare(cfg Config) (*call, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	var err error
	if cfg.Decoder, err = cfg.Decoder.Complete(); err != nil {
		return nil, err
	}
	if err := cfg.fitCap(); err != nil {
		return nil, err
	}
	return newCall(cfg)
}

// relaySends is the relay's output.
func (c *call) relaySends(to netip.AddrPort, d []byte) {
	for i, m := range c.members {
		switch {
		case m.addr != to:
		case !m.ready:
			m.inbox = append(m.inbox, append([]byte(nil), d...))
		default:
			c.carry(i == listens, &c.truth.Down, &m.down, d)
			if i < len(c.log.wire) {
				c.log.wire[i].fromRelay.add(c.now, d)
			}
			if i == listens {
				for _, v := range voices(d) {
					c.log.relayed(v)
				}
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
		if c.cfg.Adaptive {
			next = min(next, m.tendAt(c.now))
		}
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
	case c.tend():
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
			if i == talks {
				c.order(d)
			}
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

// order notes whether the talker's datagram, which comes to the relay for the first time, was overtaken.
func (c *call) order(d []byte) {
	t, seq := c.log.trip(d)
	if t != nil && t.resent == 0 && t.relayed == 0 && seq < c.newestUp {
		c.truth.Up.Overtaken++
	}
	c.newestUp = max(c.newestUp, seq)
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
	l := m.listener
	l.Arrived(c.now, len(d)+netsim.HeaderBytes)
	if v := voices(d); v != nil {
		if i != listens {
			return // asked for none, but the relay is not told so unless adaptive
		}
		for _, d := range v {
			c.log.arrived(c.now, d)
			if h, err := netproto.ParseHeader(d); err == nil {
				c.arriving = h.Session
			}
			_ = l.Handle(c.now, d) // what it drops shows in the figures
		}
		return
	}
	t, body, ok := m.open(d)
	switch {
	case !ok:
	case t == netproto.TypeChallenge:
		c.sendControl(i, netproto.TypeChallengeReply, body)
	case t == netproto.TypeProbeAck:
		if m.probed(c.now, body) {
			l.SetPath(m.rtt.Least())
			l.SetRoundTrip(m.rtt.Value())
			if m.sender != nil {
				m.sender.Probed(m.rtt.Value())
			}
		}
	case m.sender != nil && c.cfg.Adaptive:
		c.steer(i, m.sender, t, body)
	}
}

// voices are the datagrams of voice in d, which may be a bundle; nil where it is something else.
func voices(d []byte) [][]byte {
	switch t, err := netproto.DatagramType(d); {
	case err != nil:
		return nil
	case t == netproto.TypeVoice:
		return [][]byte{d}
	case t == netproto.TypeBundle:
		items, _ := netproto.ParseBundle(nil, d)
		return items
	}
	return nil
}

// steer takes what the relay tells talker i.
func (c *call) steer(i int, s *engine.Sender, t netproto.Type, body []byte) {
	switch t {
	case netproto.TypeReport:
		if f, err := netproto.ParseFeedback(body); err == nil {
			s.Heard(c.now, f)
		}
	case netproto.TypeNack:
		_ = s.Nacked(c.now, body, func(d []byte) {
			if i == talks {
				c.log.sent(c.now, d, 0)
			}
			c.send(i, d)
		})
	}
}

// carry sends a datagram over a network, and counts it if Truth is about that network, and d is voice and new.
func (c *call) carry(counts bool, way *Carried, p *netsim.Pipe, d []byte) {
	lost := p.Lost
	p.Send(c.now, d)
	if v := voices(d); counts && len(v) > 0 {
		if t, _ := c.log.trip(v[0]); t != nil && t.resent == 0 && t.relayed == 0 {
			way.Sent++
			way.Lost += p.Lost - lost
		}
	}
}

func (c *call) send(i int, d []byte) {
	c.carry(i == talks, &c.truth.Up, &c.members[i].up, d)
	if i < len(c.log.wire) {
		c.log.wire[i].toRelay.add(c.now, d)
	}
}

// sendControl sends what is no voice, if there is anything.
func (c *call) sendControl(i int, t netproto.Type, body []byte) {
	m := c.members[i]
	if body == nil || m.sender != nil && !m.sender.Allow(c.now, netproto.HeaderSize+len(body)+netproto.TagSize) {
		return
	}
	c.send(i, m.seal(t, body))
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

// tend looks after repair at the member where it is due, if any.
func (c *call) tend() bool {
	if !c.cfg.Adaptive {
		return false
	}
	for i, m := range c.members {
		if m.tendAt(c.now) > c.now {
			continue
		}
		m.tended = c.now
		nack, report := m.listener.Poll(c.now)
		c.sendControl(i, netproto.TypeNack, nack)
		c.sendControl(i, netproto.TypeReport, report)
		if m.sender != nil {
			m.sender.Poll(c.now)
		}
		return true
	}
	return false
}

// speak takes the next frame from every microphone.
func (c *call) speak() error {
	said := c.toSay()
	if c.frames == said {
		c.wireEnd = c.log.wire
	}
	c.frames++
	for i, m := range c.members {
		if m.sender == nil {
			continue
		}
		var pcm [codec.FrameSize]float32
		if c.frames <= said {
			copy(pcm[:], c.cfg.Speech[(c.frames-1+i*said/len(c.members))%said*codec.FrameSize:])
		} else {
			m.sender.Talker().SetMuted(true)
		}
		d, err := m.sender.Frame(c.now, pcm[:])
		if err != nil {
			return err
		}
		if i == talks && c.frames <= said {
			c.decided(m.sender)
			if d != nil {
				c.log.sent(c.now, d, m.sender.Talker().LastNew())
			}
		}
		if d != nil {
			c.send(i, d)
		}
	}
	return nil
}

// decided notes how the talker sends.
func (c *call) decided(s *engine.Sender) {
	stats := s.Stats(c.now)
	d := stats.Decision
	c.log.coded = append(c.log.coded, coding{d.Bitrate, cmp.Or(d.CopyBitrate, d.Bitrate)})
	if c.cfg.Adaptive && stats.Changes != c.changes {
		c.changes = stats.Changes
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
	listener := c.members[listens].listener
	listener.Mix(c.now, c.heard[len(c.heard)-blockSamples:])
	if len(c.heard)%codec.FrameSize == 0 {
		target := 0.0
		if peers := listener.Peers(c.now, nil); len(peers) > 0 {
			target = milliseconds(peers[0].Target)
		}
		c.log.targets = append(c.log.targets, target)
	}
	if c.cfg.Watch != nil && len(c.heard)%codec.SampleRate == 0 {
		talker := engine.Stats{Sending: c.members[talks].sender.Stats(c.now)}
		c.cfg.Watch(c.now, c.truth, &talker, &engine.Stats{Peers: listener.Peers(c.now, nil)})
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
