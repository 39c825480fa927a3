package lab

import (
	"fmt"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/internal/synth"
	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/netproto/wire"
)

// socketHolds is how many datagrams wait in a socket of 208 KiB, where Linux counts 768 bytes for a small one.
const socketHolds = 277

// standstill is a call in which one program stands still for a while. What comes for it meanwhile waits in its socket.
type standstill struct {
	*call
	who      int // talks, listens, relays or nobody
	from, to time.Duration
	loses    bool // the time is lost to the talker's numbers too, as in a hiccup before the next pause

	over   bool
	socket [][]byte
}

// Who stands still, besides talks and listens.
const (
	relays = -1
	nobody = -2
)

// run goes from event to event; look is called every second.
func (s *standstill) run(look func(now time.Duration)) error {
	s.over = s.who == nobody
	for looked := time.Duration(0); s.due() < s.end(); {
		now := s.due()
		for ; looked <= now; looked += time.Second {
			look(looked)
		}
		step := s.step
		if now >= s.from && !s.over {
			step = func(time.Duration) error { return s.standStill() }
		}
		if err := step(now); err != nil {
			return err
		}
	}
	return nil
}

// standStill is the time in which one stands still, and the moment in which it goes on.
func (s *standstill) standStill() error {
	said := s.frames
	for s.now = s.from; s.now < s.to; s.now += time.Millisecond {
		s.deliver()
		if s.who != relays && s.relayNext <= s.now {
			s.flush()
		}
		s.tendOthers()
		for s.filled() <= s.now {
			if s.who == talks {
				s.frames++
			} else if err := s.speak(); err != nil {
				return err
			}
		}
		for s.played() <= s.now {
			if s.who == listens {
				s.heard = s.heard[:len(s.heard)+blockSamples]
			} else {
				s.play()
			}
		}
	}
	s.over = true
	switch s.who {
	case relays:
		s.core.Wake(relayClock + s.now)
		s.flush()
		return nil
	case talks:
		if err := s.number(s.frames - said); err != nil {
			return err
		}
	}
	for _, d := range s.socket {
		s.receive(s.who, s.members[s.who], d)
	}
	return nil
}

// number gives the talker's numbers to frames that it has missed, as engine.Call does.
func (s *standstill) number(frames int) error {
	if s.loses {
		return nil
	}
	sender, silence := s.members[talks].sender, make([]float32, codec.FrameSize)
	sender.Talker().SetMuted(true)
	defer sender.Talker().SetMuted(false)
	for range frames {
		d, err := sender.Frame(s.now, silence)
		if err != nil {
			return err
		}
		if d != nil {
			s.send(talks, d)
		}
	}
	return nil
}

// deliver hands over what has arrived. What waited for the relay is passed over by it.
func (s *standstill) deliver() {
	for i, m := range s.members {
		for d, _, ok := m.up.Receive(s.now); ok; d, _, ok = m.up.Receive(s.now) {
			if s.who != relays {
				s.worker.Handle(relayClock+s.now, m.addr, d)
				s.flush()
			}
		}
		for d, _, ok := m.down.Receive(s.now); ok; d, _, ok = m.down.Receive(s.now) {
			if s.who != i {
				s.receive(i, m, d)
			} else if len(s.socket) < socketHolds {
				s.socket = append(s.socket, d)
			}
		}
	}
}

// tendOthers does what is due at those who do not stand still.
func (s *standstill) tendOthers() {
	for i, m := range s.members {
		if i == s.who {
			continue
		}
		if m.nextProbe <= s.now {
			s.sendControl(i, netproto.TypeProbe, m.nextProbeBody(s.now))
		}
		if m.tendAt(s.now) <= s.now {
			m.tended = s.now
			nack, report := m.listener.Poll(s.now)
			s.sendControl(i, netproto.TypeNack, nack)
			s.sendControl(i, netproto.TypeReport, report)
			if m.sender != nil {
				m.sender.Poll(s.now)
			}
		}
	}
}

// 20 s after any of the programs stood still, and as long as the call lasts, the talker may send, and sends, what it
// would without: loss is no queue, and time that is lost is not either. It lasts longer than a least delay is
// remembered.
func TestStandstillLeavesNothingBehind(t *testing.T) {
	const from, settled, long = 15 * time.Second, 20 * time.Second, 100 * time.Second
	for _, tt := range []struct {
		who   int
		seed  uint64
		stood time.Duration
		loses bool
	}{
		{who: nobody, seed: 2}, {talks, 2, 300 * time.Millisecond, true},
		{talks, 3, 10 * time.Second, false}, {listens, 2, 10 * time.Second, false}, {relays, 1, 10 * time.Second, false},
	} {
		t.Run(fmt.Sprint(tt.who, tt.stood), func(t *testing.T) {
			t.Parallel()
			c, err := prepare(Config{
				Speech: synth.Speech(int(long.Seconds())*second, tt.seed), Network: preset("loss20"), Where: Both, Seed: tt.seed,
				Adaptive: true, DTX: true, Unjudged: true,
			})
			if err != nil {
				t.Fatal(err)
			}
			s := &standstill{call: c, who: tt.who, from: from, to: from + tt.stood, loses: tt.loses}
			low, least := wire.Kbps(1000), 1<<20
			if err := s.run(func(now time.Duration) {
				if st := c.members[talks].sender.Stats(now); now >= s.to+settled {
					low, least = min(low, st.Adapt.Limit), min(least, st.Decision.Bitrate)
				}
			}); err != nil {
				t.Fatal(err)
			}
			if t.Logf("limit %.0f and bitrate %d at least", low, least); low < 60 || least < 11000 {
				t.Errorf("a limit of %.0f kbit/s, a bitrate of %d", low, least)
			}
		})
	}
}
