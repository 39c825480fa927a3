package mend

import (
	"time"

	"github.com/tincan-voice/tincan/internal/estimate"
	"github.com/tincan-voice/tincan/internal/repair"
	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/netproto/wire"
)

// levelFall is how fast a talker's level falls, in dB/s.
const levelFall = 20

// uplink is what a room knows of one talker's way to the relay.
type uplink struct {
	asker     repair.Asker
	meter     estimate.Meter
	rate      wire.Kbps // by the meter, at the last tick
	rhythm    rhythm
	sent      repair.Sent   // what was forwarded
	cache     *repair.Cache // the same, of late; nil: nothing, and it is not in Room.order
	size      int           // of the last datagram, headers counted
	last      time.Duration
	forwarded time.Duration
	voiced    time.Duration
	level     float64 // dB above netproto.Silent

	schedule repair.Schedule
	owed     bool          // has talked since the last feedback
	judged   time.Duration // when fare was made
	fare     fare
	told     netproto.Feedback // last
}

// every is how far apart the datagrams are.
func (u *uplink) every() time.Duration {
	return time.Duration(u.asker.Stride()) * wire.FrameDuration
}

// upcoming is what the next second of this talker's voice takes.
func (u *uplink) upcoming(now time.Duration) repair.Upcoming {
	return repair.Upcoming{Bytes: u.size, Next: max(0, u.forwarded+u.every()-now), Every: u.every()}
}

// Arrived takes a datagram of voice of this talker, before anything is decided about it; size is what it took on the
// wire. One that is not newest has been overtaken or was sent again. The room must be attended at look, or before.
func (s *Member) Arrived(now time.Duration, h netproto.Header, hop netproto.Hop, size int) (newest bool, look time.Duration) {
	if s.uplink == nil {
		s.uplink = &uplink{sent: repair.SentFrom(s.count)}
		s.uplink.schedule.Due(now, repair.Calm) // the first one comes when there is something to tell
		s.room.ups = append(s.room.ups, s)
		s.room.setPath(s)
	}
	r, u := s.room, s.uplink
	u.meter.Add(now, size)
	u.level = max(0, u.level-levelFall*(now-u.last).Seconds())
	u.last, u.owed = now, true
	d := repair.Datagram{Seq: h.Seq, Count: hop.Count, Again: hop.Again, Speech: h.Voice || h.Level < netproto.Silent}
	if newest = u.asker.Arrived(now, d); newest {
		u.size = size
		if d.Speech {
			u.rhythm.arrived(now)
		}
		if h.Voice {
			u.voiced, u.level = now, max(u.level, float64(netproto.Silent-h.Level))
		}
	}
	if now-r.ticked >= tickEvery {
		return newest, now
	}
	look = r.ticked + tickLate
	if at, ok := u.asker.NextDeadline(); ok {
		look = min(look, at)
	}
	return newest, look
}

func (u *uplink) speaks(now time.Duration) bool { return now-u.voiced <= IdleAfter }

// Keep gives a datagram of this talker that is forwarded its count on the way to the room's listeners, and keeps a
// copy. It has Arrived.
func (s *Member) Keep(now time.Duration, d []byte) {
	u := s.uplink
	if u.cache == nil {
		u.cache = new(repair.Cache)
		s.room.order = append(s.room.order, s)
	}
	seq := seqOf(d)
	netproto.SetHop(d, netproto.Hop{Count: u.sent.Add(seq)})
	u.cache.Put(now, seq, d)
	u.forwarded = now
}

// countOf is the count in a datagram of voice, see netproto.Hop.
func countOf(d []byte) uint8 { return d[len(d)-1] % netproto.HopCounts }

// attendTalker asks for what is missing and tells the talker how its voice fares.
func (m *Mender) attendTalker(now time.Duration, s *Member, listeners int) (next time.Duration) {
	u := s.uplink
	next = now + time.Hour
	if m.asks = u.asker.Poll(now, m.asks[:0]); len(m.asks) > 0 && !s.Tunnelled.Load() {
		m.blocks = m.blocks[:0]
		for _, d := range m.asks {
			m.blocks = netproto.AddNack(m.blocks, s.ID, d.Count)
		}
		m.body, _ = netproto.AppendNack(m.body[:0], m.blocks) // an Asker never asks for so many
		if m.tell(now, s, netproto.TypeNack, nil) {
			m.counts.Asked.Add(uint64(len(m.asks)))
		}
	}
	if at, ok := u.asker.NextDeadline(); ok {
		next = min(next, at)
	}
	return min(next, m.feedback(now, s, listeners))
}

// setPath tells a talker's Asker how long its answers take, and how long the most
// patient listener can wait for them.
func (r *Room) setPath(talker *Member) {
	nearest, buffer := repair.AssumedRTT/2, time.Duration(0)
	for _, s := range r.downs {
		if v := s.downlink.view(talker.ID); v != nil {
			nearest, buffer = min(nearest, s.way()), max(buffer, v.Buffer)
		}
	}
	a := &talker.uplink.asker
	a.SetPath(2*talker.way(), repair.Patience(talker.way()+nearest, buffer, a.Loss()))
}
