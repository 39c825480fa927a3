package engine

import (
	"cmp"
	"slices"
	"time"

	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/engine/adapt"
	"github.com/tincan-voice/tincan/internal/repair"
	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/netproto/wire"
)

// SenderConfig says how a Sender sends. The zero value, but for the session, adapts to the
// network.
type SenderConfig struct {
	Talker TalkerConfig
	// Fixed sends as Talker says, whatever the network does. Otherwise the ladder chooses bitrate,
	// stride, copies and FEC, and Talker.Encoder.Bitrate is the most that it takes.
	Fixed bool
	// Cap is the most that goes out over any second, IP and UDP headers and all kinds of datagrams counted. 0 = none.
	Cap wire.Kbps
	// Overhead is what IP and UDP add to a datagram in bytes; 0 = 28, as of IPv4.
	Overhead int
}

// Sender is all that one end sends: a Talker, the ladder that steers it, the answers to
// nacks, and the cap that holds for everything. It is sans-IO: now is the time since any fixed
// start. One goroutine at a time may use it.
//
//	PCM ──> Talker ──> cap ──> datagram for the relay
//	          ^ ^       ^
//	   ladder ┘ │       └── probes, reports and nacks ask Allow
//	     ^      └────────── nacks: the same datagram again
//	     └ feedback, probes
type Sender struct {
	cfg    SenderConfig
	talker *Talker
	ladder *adapt.Ladder
	now    time.Duration // of the Frame under way
	polled time.Duration // when the ladder was told that time goes by
	steps  int           // of its decisions, as many as the talker follows
	budget repair.Resender
	blocks []netproto.NackBlock
	counts SenderStats
}

// SenderStats is what a Sender did and why. Counts run since it was made.
type SenderStats struct {
	Adapt    adapt.Stats
	Decision adapt.Decision // how voice is sent, and why
	Changes  int            // of the decision
	Voice    uint64         // datagrams of voice that went out, those sent again not counted
	Resent   uint64         // datagrams sent again because they were asked for
	// Up is what became of them on the way to the relay, before any was sent again, as far as it has told.
	Up       netproto.Outcome
	HeldBack uint64 // datagrams that did not fit under the cap, or were stopped by the circuit breaker
}

// pollEvery is how often the ladder is told that time goes by while there is speech.
const pollEvery = 200 * time.Millisecond

// NewSender makes a Sender that begins at now. Its Talker sends nothing before it has its keys. Errors are those of
// NewTalker.
func NewSender(now time.Duration, cfg SenderConfig) (*Sender, error) {
	s := &Sender{cfg: cfg}
	ladder := adapt.Config{Cap: cfg.Cap, Bitrate: cfg.Talker.Encoder.Bitrate, Overhead: cfg.Overhead}
	if t := cfg.Talker; cfg.Fixed {
		ladder.Fixed = &adapt.Decision{
			Bitrate: cmp.Or(t.Encoder.Bitrate, codec.DefaultBitrate), Stride: max(t.Stride, 1), Copies: slices.Clip(t.Copies), FEC: t.Encoder.FEC,
			Reason: "fixed",
		}
	}
	s.ladder = adapt.New(now, ladder)
	t, err := newTalker(cfg.Talker, s.may)
	if err != nil {
		return nil, err
	}
	s.talker = t
	s.steer()
	return s, nil
}

// Talker is the Sender's, to set keys, mute and the like.
func (s *Sender) Talker() *Talker { return s.talker }

// Frame takes the next 20 ms of speech as Talker.Frame does and returns the datagram
// to be sent now, or nil.
func (s *Sender) Frame(now time.Duration, pcm []float32) ([]byte, error) {
	s.talker.SetLimit(s.ladder.Room(now, s.talker.Left()))
	s.now = now
	return s.talker.Frame(pcm)
}

// SetPath takes that the path has become another one: what IP and UDP add to a datagram there in bytes, and whether it
// is a tunnel, in which nothing needs repair.
func (s *Sender) SetPath(now time.Duration, overhead int, tunnel bool) {
	s.ladder.SetPath(now, overhead, tunnel)
	s.steer()
}

// may tells whether a datagram of voice goes out now.
func (s *Sender) may(size int) bool {
	ok := s.ladder.Send(s.now, size, adapt.Voice)
	if ok {
		s.counts.Voice++
	} else {
		s.counts.HeldBack++
	}
	s.steer() // the first speech after a pause ends a stop
	return ok
}

// Poll lets the ladder act on the time that has gone by. Call it when NextDeadline says so.
func (s *Sender) Poll(now time.Duration) {
	if now-s.polled >= pollEvery {
		s.polled = now
		s.ladder.Poll(now)
		s.steer()
	}
}

// NextDeadline is when Poll should be called next, and false while there is no speech.
func (s *Sender) NextDeadline() (time.Duration, bool) {
	return s.polled + pollEvery, s.ladder.Spoke() >= s.polled
}

// Stopped tells whether the circuit breaker holds voice back.
func (s *Sender) Stopped() bool { return s.ladder.Stopped() }

// steer makes the talker do what the ladder has decided.
func (s *Sender) steer() {
	if n := s.ladder.Changes(); n != s.steps {
		s.steps = n
		s.talker.adapt(s.cfg.Talker.encoder(), s.ladder.Decision())
	}
}

// Allow tells whether a datagram of size bytes without IP and UDP headers, that is no
// voice, may be sent now; then it counts as sent.
func (s *Sender) Allow(now time.Duration, size int) bool {
	if s.ladder.Send(now, size, adapt.Control) {
		return true
	}
	s.counts.HeldBack++
	return false
}

// AllowTwin tells whether a datagram that goes out may do so by a second path as well; then it counts as sent.
func (s *Sender) AllowTwin(now time.Duration, size int) bool {
	return s.ladder.Send(now, size, adapt.Twin)
}

// ProbeEvery is how often the relay is to be asked for a sign of life while anybody talks: every 500 ms, and every
// second where less than 32 kbit/s may be sent, as the bits are worth more there (docs/repair.md).
func (s *Sender) ProbeEvery() time.Duration {
	if s.ladder.Limit() < 32 {
		return 2 * probeEvery
	}
	return probeEvery
}

// Probed notes that the answer to a probe has come, and takes the round trip as it is known now, 0 = not known.
func (s *Sender) Probed(rtt time.Duration) { s.ladder.Probed(rtt) }

// Heard takes the relay's report.
func (s *Sender) Heard(now time.Duration, f netproto.Feedback) {
	up, ok := s.talker.Receipt(&f.Receipt)
	if !ok {
		return // overtaken by a later one
	}
	s.talker.Steer(f.Receipt.Seq, f.Shift)
	s.counts.Up.Add(up)
	ms := func(v uint16) time.Duration { return time.Duration(v) * time.Millisecond }
	s.ladder.Heard(now, adapt.Feedback{
		Up: up, Rate: wire.Kbps(f.Rate), Queue: ms(f.Queue), Trend: float64(f.Trend) / 1000,
		Listeners: int(f.Listeners), Down: f.Median, RTT: ms(f.WorstRTT),
		DownQueue: ms(f.WorstQueue), DownTrend: float64(f.WorstTrend) / 1000, DownRate: wire.Kbps(f.LowestRate),
		Cap: wire.Kbps(f.LowestCap), Jitter: ms(f.WorstJitter),
	})
	s.steer()
}

// Nacked takes the body of a nack from the relay and hands send each datagram that is to go
// out again, now; it is valid until send returns. The error is that of netproto.ParseNack.
func (s *Sender) Nacked(now time.Duration, body []byte, send func(d []byte)) error {
	blocks, err := netproto.ParseNack(s.blocks[:0], body)
	if err != nil {
		return err
	}
	s.blocks = blocks
	if s.Stopped() {
		return nil
	}
	stats := s.ladder.Stats(now)
	s.budget.SetRate(stats.Sent)
	for _, b := range blocks {
		for count := range b.All() {
			d := s.talker.Resend(count)
			if d == nil {
				continue
			}
			ok, spare := s.budget.Allow(now, b.Session, uint32(count), len(d), stats.RTT*3/4)
			kind := adapt.Resend
			switch {
			case s.cfg.Fixed:
				kind = adapt.Control // nobody else decides what they are worth
			case spare:
				kind = adapt.Spare
			}
			if !ok || !s.ladder.Send(now, len(d), kind) {
				continue
			}
			s.counts.Resent++
			send(d)
		}
	}
	return nil
}

// Spoke is when there was speech to be sent last, whether it went out or not.
func (s *Sender) Spoke() time.Duration { return s.ladder.Spoke() }

// Stats returns the figures of now.
func (s *Sender) Stats(now time.Duration) SenderStats {
	st := s.counts
	st.Adapt = s.ladder.Stats(now)
	st.Decision, st.Changes = s.ladder.Decision(), s.steps
	return st
}
