package mend

import (
	"math"
	"time"

	"github.com/tincan-voice/tincan/internal/repair"
	"github.com/tincan-voice/tincan/netproto"
)

// burstSpan is the least time over which runs of losses are averaged.
const burstSpan = 2 * time.Second

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
	s.totals = u.totals(s)
	hearers := listeners
	if s.Live() && !s.Deaf.Load() { // is one of them
		hearers--
	}
	hearing := 0
	if now-u.forwarded <= time.Second {
		hearing = hearers
	}
	return netproto.Feedback{
		Received: s.totals.received, Lost: s.totals.lost, Resent: s.totals.resent,
		BurstQ3: uint8(min(u.asker.Loss(now, max(now-u.told, burstSpan)).Burst()*8, 255)),
		Rate:    u16(int(u.meter.Rate(now))),
		Queue:   u16(int(u.queue.Delay(now) / time.Millisecond)),
		Trend:   i16(int(u.queue.Trend(now) * 1000)),

		Listeners:    u16(hearing),
		MedianLossQ8: f.medianLoss,
		MedianHoleQ8: f.medianHole,
		WorstBurstQ3: f.burst,
		WorstRTT:     u16(f.rtt), WorstQueue: u16(f.queue), WorstTrend: i16(f.trend),
		LowestCap: u16(f.cap), LowestRate: u16(f.rate), WorstJitter: u16(f.jitter),
		Hearers: u16(hearers), Unopened: u16(f.unopened),
	}
}

func u16(v int) uint16 { return uint16(min(max(v, 0), math.MaxUint16)) }
func i16(v int) int16  { return int16(min(max(v, math.MinInt16), math.MaxInt16)) }
