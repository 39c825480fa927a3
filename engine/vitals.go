package engine

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/netproto"
)

// signs are the signs of life that a call's loops note as they go. Any goroutine may read them.
type signs struct {
	captured, sounded, played moment       // Read, sound in it, Write
	given, taken              atomic.Int64 // sound that Read gave and Write took, in nanoseconds
	unmuted                   moment
	word                      moment // an answer of the relay to something of ours
	voice                     moment // of others
	listed                    moment // the list of users changed
	begun                     moment // the session did
	said                      moment // the last package of the relay came
	silenced                  moment // until then the relay lets nobody hear us

	peers     atomic.Int32
	hearers   atomic.Int32 // in the last feedback, which came at reported
	unopened  atomic.Int32 // likewise
	reported  moment
	sent      atomic.Uint32 // datagrams of voice
	inputErr  atomic.Pointer[error]
	outputErr atomic.Pointer[error]
}

// moment is when something happened last, by Call.now; 0: never.
type moment struct{ atomic.Int64 }

func (m *moment) at(now time.Duration) { m.Store(int64(now)) }
func (m *moment) get() time.Duration   { return time.Duration(m.Load()) }

func loadErr(p *atomic.Pointer[error]) error {
	if err := p.Load(); err != nil {
		return *err
	}
	return nil
}

const hearersUnknown = -1

// renew forgets what the relay said under another session.
func (s *signs) renew(now time.Duration) {
	s.hearers.Store(hearersUnknown)
	s.unopened.Store(0)
	s.listed.at(now)
	s.begun.at(now)
	s.silenced.at(0)
}

// noiseFloor is in -dBov what a microphone that is on is louder than, even where nobody speaks: its own noise, of some
// 14 bits at best.
const noiseFloor = 80

// read notes what the Source gave.
func (s *signs) read(now time.Duration, pcm []float32) {
	s.captured.at(now)
	s.given.Add(int64(netproto.FrameDuration))
	if codec.Level(pcm) < noiseFloor {
		s.sounded.at(now)
	}
}

// wrote notes that the Sink took a block.
func (s *signs) wrote(now time.Duration) {
	s.played.at(now)
	s.taken.Add(int64(playbackBlock))
}

// feedback notes what the relay said about our voice.
func (s *signs) feedback(now time.Duration, f *netproto.Feedback) {
	s.word.at(now)
	s.hearers.Store(int32(f.Hearers))
	s.unopened.Store(int32(f.Unopened))
	s.reported.at(now)
}

// tellFaults makes events of the faults that began or ended. v is scratch.
func (c *Call) tellFaults(now time.Duration, v *vitals) {
	c.vitals(v)
	c.watching.Lock()
	changes, _ := c.monitor.look(now, v)
	c.watching.Unlock()
	for _, f := range changes {
		c.events.add(f)
	}
}

// vitals gathers the signs of life.
func (c *Call) vitals(v *vitals) {
	s := &c.signs
	if v.relay = c.link.Load().to.Load().String(); c.cfg.Network != nil {
		v.relay = c.cfg.Address
	}
	if v.room == "" {
		v.room, v.phrase = "the relay's default room", c.cfg.Passphrase != ""
		if c.cfg.Room != "" {
			v.room = fmt.Sprintf("the room %q", c.cfg.Room)
		}
	}
	c.probing.Lock()
	p := &c.inUse().probes
	v.answered, v.waiting, v.asked, v.doubt, v.up, v.down = p.answered, p.waiting, p.since, p.doubt(), p.up, p.down
	c.probing.Unlock()
	v.word, v.voice = s.word.get(), s.voice.get()

	c.talking.Lock()
	v.stopped = ""
	if c.sender.Stopped() {
		v.stopped = c.sender.ladder.Decision().Reason
	}
	c.talking.Unlock()

	v.begun, v.silenced = s.begun.get(), s.silenced.get()
	v.peers, v.listed = int(s.peers.Load()), s.listed.get()
	v.hearers, v.unopened, v.reported = int(s.hearers.Load()), int(s.unopened.Load()), s.reported.get()

	v.input = c.source.wanted()
	v.in = deviceSigns{loadErr(&s.inputErr), c.cfg.ReopenSource != nil, s.captured.get(), time.Duration(s.given.Load())}
	v.out = deviceSigns{loadErr(&s.outputErr), c.cfg.ReopenSink != nil, s.played.get(), time.Duration(s.taken.Load())}
	v.muted, v.unmuted, v.sounded = c.muted.Load(), s.unmuted.get(), s.sounded.get()

	c.hearing.Lock()
	v.unknown, v.crowded, v.keyless = c.roster.unknown, c.roster.crowded, !c.roster.keyed
	v.dropped = c.listener.notHeard(v.dropped[:0])
	for i := range v.dropped {
		v.dropped[i].foreign = c.roster.foreign[v.dropped[i].Session]
	}
	c.hearing.Unlock()
}
