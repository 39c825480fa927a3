package lab

import (
	"fmt"
	"net/netip"

	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/engine"
	"github.com/tincan-voice/tincan/internal/netsim"
	"github.com/tincan-voice/tincan/internal/relay/forward"
	"github.com/tincan-voice/tincan/internal/relay/rooms"
	"github.com/tincan-voice/tincan/jitter"
	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/netproto/wire"
)

// secret and epoch stand for those that members would make of their list: here nobody comes or goes.
var secret = netproto.RoomSecret{1}

const epoch = 1

// newCall puts all into a room, with their networks, ready to talk.
func newCall(cfg Config) (*call, error) {
	c := &call{cfg: cfg, core: rooms.NewCore(rooms.Config{}), log: newLog(len(cfg.Speech))}
	c.heard = make([]float32, 0, int(c.end()/block)*blockSamples)
	c.worker = c.core.NewWorker(forward.SendFunc(c.relaySends))
	talker, listener, err := cfg.links()
	if err != nil {
		return nil, err
	}
	if err := c.join("talker", talker, c.deafListener()); err != nil {
		return nil, err
	}
	if err := c.join("listener", listener, c.listener()); err != nil {
		return nil, err
	}
	for i := 1; i < cfg.Talkers; i++ {
		links, err := cfg.side(false, true, uint64(i+1))
		if err != nil {
			return nil, err
		}
		if err := c.join(fmt.Sprint("talker ", i+1), links, c.deafListener()); err != nil {
			return nil, err
		}
	}
	if c.members[talks].Session != measured {
		panic("lab: the relay counts its sessions in a new way")
	}
	hears := c.members[listens].listener
	hears.SetSecret(0, epoch, secret)
	for i, m := range c.members {
		if i == listens {
			continue
		}
		if err := c.makeSender(i, m); err != nil {
			return nil, err
		}
		hears.AddPeer(m.Session, m.name)
		if i != talks {
			hears.SetVolume(m.Session, 0)
		}
	}
	c.proveAddresses()
	return c, nil
}

// listener is the one that is measured.
func (c *call) listener() *engine.Listener {
	l := engine.NewListener(engine.ListenerConfig{
		Decoder: c.cfg.Decoder,
		NewBuffer: func(dec jitter.Decoder, cfg jitter.Config) engine.Buffer {
			if c.arriving == measured {
				cfg.Trace = c.log.segment
			}
			return newBuffer(c.cfg.Buffer, dec, cfg)
		},
	})
	l.SetCap(wire.Kbps(c.cfg.Cap))
	return l
}

// deafListener tells the relay a talker's round trip. It asks for no voice of the others, where there are any.
func (c *call) deafListener() *engine.Listener {
	l := engine.NewListener(engine.ListenerConfig{})
	l.SetDeaf(c.cfg.Talkers > 1)
	return l
}

// join lets one more into the room.
func (c *call) join(name string, links [2]netsim.Link, l *engine.Listener) error {
	newcomer := rooms.Newcomer{Room: "lab", Name: name, Voice: netproto.Version}
	if c.cfg.Adaptive && len(c.members) == listens {
		newcomer.Cap = c.cfg.Cap
	}
	joined, err := c.core.Join(0, newcomer)
	if err != nil {
		return err
	}
	addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(len(c.members) + 1)}), 5000)
	c.members = append(c.members, newMember(joined, name, addr, links, l))
	return nil
}

// makeSender makes member i a talker.
func (c *call) makeSender(i int, m *member) (err error) {
	cfg := engine.SenderConfig{
		Talker: engine.TalkerConfig{
			Session:    m.Session,
			Encoder:    codec.EncoderConfig{Bitrate: c.cfg.Bitrate, FEC: c.cfg.FEC},
			Continuous: !c.cfg.DTX, Stride: c.cfg.Stride, Copies: c.cfg.Copies,
		},
		Fixed: !c.cfg.Adaptive,
	}
	if c.cfg.Unjudged {
		cfg.Talker.Encoder.Complexity = 1
	}
	if i == talks && !c.cfg.listenerOnly {
		cfg.Cap = wire.Kbps(c.cfg.Cap)
	}
	if m.sender, err = engine.NewSender(0, cfg); err == nil {
		m.sender.Talker().SetTag(m.HopKey.TagKey())
		m.sender.Talker().SetSecret(epoch, secret, 0)
	}
	return err
}

// proveAddresses lets all prove theirs before the call, over no network at all.
func (c *call) proveAddresses() {
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
}
