package mend

import (
	"math"
	"time"

	"github.com/tincan-voice/tincan/internal/repair"
	"github.com/tincan-voice/tincan/netproto"
)

// feedback tells a talker how its voice fares when it is time, and returns when
// to look again.
func (m *Mender) feedback(now time.Duration, s *Member, listeners int) (next time.Duration) {
	r, u := s.room, s.uplink
	if !u.owed {
		return now + time.Hour
	}
	if u.dirty && now-u.judged >= repair.ReportJammed {
		u.dirty, u.judged = false, now
		u.fare = m.judge(now, s)
		r.setPath(s)
	}
	mood := max(repair.PathMood(now, &u.asker, &u.queue), u.fare.mood())
	news := u.fare.cap != u.capTold || u.fare.unopened != u.unopenedTold // which cannot wait either
	if u.schedule.Due(now, mood) || news && now-u.told >= repair.ReportJammed {
		u.fare, u.judged, u.dirty = m.judge(now, s), now, false
		r.setPath(s)
		f := figures(now, s, listeners)
		m.body = netproto.AppendFeedback(m.body[:0], &f)
		m.tell(now, s, netproto.TypeReport, &m.counts.Feedback)
		r.told(s)
		u.owed, u.told, u.capTold, u.unopenedTold = false, now, u.fare.cap, u.fare.unopened
		return now + time.Hour
	}
	if now-u.last < time.Second {
		return now + tickLate
	}
	return max(u.schedule.NextDeadline(), now+tickLate)
}

// figures fills in a feedback in a room with so many listeners.
func figures(now time.Duration, s *Member, listeners int) netproto.Feedback {
	u, f := s.uplink, &s.uplink.fare
	hearers := listeners
	if s.Live() && !s.Deaf.Load() { // is one of them
		hearers--
	}
	hearing := 0
	if now-u.forwarded <= time.Second {
		hearing = hearers
	}
	return netproto.Feedback{
		Receipt: *u.asker.Receipt(),
		Rate:    u16(int(u.meter.Rate(now))),
		Queue:   u16(int(u.queue.Delay(now) / time.Millisecond)),
		Trend:   i16(int(u.queue.Trend(now) * 1000)),

		Listeners: u16(hearing), Median: f.median,
		WorstRTT: u16(f.rtt), WorstQueue: u16(f.queue), WorstTrend: i16(f.trend),
		LowestCap: u16(f.cap), LowestRate: u16(f.rate), WorstJitter: u16(f.jitter),
		Hearers: u16(hearers), Unopened: u16(f.unopened),
	}
}

// told notes that a talker has been told what listeners miss of it.
func (r *Room) told(talker *Member) {
	for _, s := range r.downs {
		if v := s.downlink.view(talker.ID); v != nil {
			v.told = true
		}
	}
}

func u16(v int) uint16 { return uint16(min(max(v, 0), math.MaxUint16)) }
func i16(v int) int16  { return int16(min(max(v, math.MinInt16), math.MaxInt16)) }
