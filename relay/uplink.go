package relay

import (
	"math"
	"time"

	"github.com/tincan-voice/tincan/internal/estimate"
	"github.com/tincan-voice/tincan/internal/repair"
	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/netproto/wire"
)

const (
	// uplinkIdle is how long after a talker's last datagram its uplink is remembered:
	// the least delay should outlast a pause.
	uplinkIdle = 30 * time.Second
	// levelMemory is the time constant with which a talker's level fades.
	levelMemory = time.Second
	// assumedWay is half of a listener's round trip as long as none is known.
	assumedWay = 30 * time.Millisecond
)

// uplink is what a room knows of one talker's way to the relay. Guarded by repairs.mu.
type uplink struct {
	asker     repair.Asker
	queue     estimate.Queue
	meter     estimate.Meter
	cache     *repair.Cache // of what was forwarded; nil: nothing of late
	highest   uint32
	size      int // of the last datagram, headers counted
	last      time.Duration
	forwarded time.Duration
	voiced    time.Duration
	level     float64 // dB above silence
	ordered   bool    // is in repairs.order

	base     totals // before this uplink was remembered
	schedule repair.Schedule
	owed     bool          // has talked since the last feedback
	dirty    bool          // a listener has reported
	judged   time.Duration // when fare was made
	told     time.Duration // last feedback
	fare     fare
	capTold  int // kbit/s, in the last feedback

	unopenedTold int // listeners, in the same
}

// every is how far apart the datagrams are.
func (u *uplink) every() time.Duration {
	return time.Duration(u.asker.Stride()) * wire.FrameDuration
}

// upcoming is what the next second of this talker's voice takes.
func (u *uplink) upcoming(now time.Duration) repair.Upcoming {
	return repair.Upcoming{Bytes: u.size, Next: max(0, u.forwarded+u.every()-now), Every: u.every()}
}

// totals are a session's counters as feedback carries them. They never fall.
type totals struct{ received, lost, resent uint16 }

// uplinkOf returns the session's uplink. Called with mu held.
func (rr *repairs) uplinkOf(now time.Duration, s *session) *uplink {
	if s.uplink == nil {
		s.uplink = &uplink{base: s.totals}
		s.uplink.schedule.Due(now, repair.Calm) // the first one comes when there is something to tell
		s.uplink.told = now
		rr.ups = append(rr.ups, s)
		rr.setPath(s)
	}
	return s.uplink
}

// arrived takes a datagram of voice, before anything is decided about it.
func (u *uplink) arrived(now time.Duration, h netproto.Header, hop netproto.Hop, size int) repair.Arrival {
	kind := u.asker.Arrived(now, repair.Datagram{
		Seq: h.Seq, Count: hop.Count, Again: hop.Again, Speech: h.Voice || h.Level < silence,
	})
	u.meter.Add(now, size)
	u.last, u.owed = now, true
	if kind == repair.Newest || kind == repair.Overdue {
		u.queue.Arrived(now, time.Duration(h.Seq)*netproto.FrameDuration)
	}
	if kind != repair.Newest {
		return kind
	}
	level := 0.0
	if h.Voice {
		u.voiced = now
		level = float64(silence - h.Level)
	}
	if step := time.Duration(h.Seq-u.highest) * netproto.FrameDuration; step >= levelMemory {
		u.level = level
	} else {
		u.level += (level - u.level) * float64(step) / float64(levelMemory)
	}
	u.highest, u.size = h.Seq, size
	return kind
}

// silence is the level of silence (RFC 6464).
const silence = 127

func (u *uplink) speaks(now time.Duration) bool { return now-u.voiced <= idleAfter }

// keep gives a datagram that is forwarded its count on the way to the room's listeners, and keeps it.
func (rr *repairs) keep(now time.Duration, s *session, d []byte) {
	u := s.uplink
	if u.cache == nil {
		u.cache = new(repair.Cache)
	}
	s.count = (s.count + 1) % netproto.HopCounts
	netproto.SetHop(d, netproto.Hop{Count: s.count})
	u.cache.Put(now, uint32(s.count), d)
	u.forwarded = now
	if !u.ordered {
		u.ordered, u.dirty = true, true // there may be a cap to be told
		rr.order = append(rr.order, s)
	}
}

// soonest is when something has to be done after a datagram of this talker.
func (rr *repairs) soonest(now time.Duration, u *uplink) time.Duration {
	if now-rr.ticked >= repairTick {
		return now
	}
	next := rr.ticked + repairLate
	if at, ok := u.asker.NextDeadline(); ok {
		next = min(next, at)
	}
	return next
}

// attendTalker asks for what is missing and tells the talker how its voice fares.
func (w *Worker) attendTalker(now time.Duration, rr *repairs, s *session) (next time.Duration) {
	u := s.uplink
	next = now + time.Hour
	if w.asks = u.asker.Poll(now, w.asks[:0]); len(w.asks) > 0 {
		w.blocks = w.blocks[:0]
		for _, d := range w.asks {
			w.blocks = netproto.AddNack(w.blocks, s.id, d.Count)
		}
		w.body, _ = netproto.AppendNack(w.body[:0], w.blocks) // an Asker never asks for so many
		if w.tell(now, s, netproto.TypeNack) {
			w.count.asked.Add(uint64(len(w.asks)))
		}
	}
	if at, ok := u.asker.NextDeadline(); ok {
		next = min(next, at)
	}
	return min(next, w.feedback(now, rr, s))
}

// setPath tells a talker's Asker how long its answers take, and how long the most
// patient listener can wait for them.
func (rr *repairs) setPath(talker *session) {
	u := talker.uplink
	rtt := time.Duration(0)
	if talker.downlink != nil {
		rtt = talker.downlink.rtt
	}
	way, buffer := time.Duration(math.MaxInt64), time.Duration(0)
	for _, s := range rr.downs {
		if s == talker {
			continue
		}
		if v := s.downlink.view(talker.id); v != nil {
			buffer = max(buffer, v.buffer)
			if s.downlink.rtt > 0 {
				way = min(way, s.downlink.rtt/2)
			}
		}
	}
	if way == math.MaxInt64 {
		way = assumedWay
	}
	up := rtt / 2
	if rtt == 0 {
		up = assumedWay
	}
	u.asker.SetPath(rtt, repair.Patience(up+way, buffer, u.asker.Loss(u.last, estimate.LossMemory).Fraction()))
}

// totals are the session's counters with those from before.
func (u *uplink) totals(s *session) totals {
	st := u.asker.Stats()
	t := totals{
		received: u.base.received + uint16(st.Received),
		lost:     u.base.lost + uint16(st.Lost),
		resent:   u.base.resent + uint16(st.Resent),
	}
	if int16(t.lost-s.totals.lost) < 0 {
		t.lost = s.totals.lost // one that was counted as lost has come
	}
	return t
}

// settle keeps the counters when the uplink is forgotten.
func (u *uplink) settle(s *session) { s.totals = u.totals(s) }
