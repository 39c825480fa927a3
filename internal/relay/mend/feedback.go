package mend

import (
	"time"

	"github.com/tincan-voice/tincan/internal/repair"
	"github.com/tincan-voice/tincan/netproto"
)

// feedback tells a talker how its voice fares when it is time, and returns when
// to look again.
func (m *Mender) feedback(now time.Duration, s *Member, listeners int) (next time.Duration) {
	u := s.uplink
	if !u.owed {
		return now + time.Hour
	}
	if u.dirty && now-u.judged >= repair.ReportJammed {
		m.judge(now, s)
	}
	f := &u.fare.told
	listening := repair.MoodOf(u.fare.loss >= repair.LossyFrom, time.Duration(f.WorstQueue)*time.Millisecond, float64(f.WorstTrend)/1000)
	mood := max(u.asker.Mood(now), listening)
	news := f.LowestCap != u.capTold || f.Unopened != u.unopenedTold // which cannot wait either
	if !u.schedule.Due(now, mood) && !(news && now-u.told >= repair.ReportJammed) {
		if now-u.last < time.Second {
			return now + tickLate
		}
		return max(u.schedule.NextDeadline(), now+tickLate)
	}
	m.judge(now, s)
	f.Receipt = *u.asker.Receipt()
	queue, trend := u.asker.Queue(now)
	f.Rate, f.Queue, f.Trend = u16(int(u.meter.Rate(now))), u16(int(queue/time.Millisecond)), i16(int(trend*1000))
	if s.Live() && !s.Deaf.Load() { // is one of the listeners
		listeners--
	}
	f.Hearers = u16(listeners)
	if now-u.forwarded <= time.Second {
		f.Listeners = f.Hearers
	}
	m.body = netproto.AppendFeedback(m.body[:0], f)
	m.tell(now, s, netproto.TypeReport, &m.counts.Feedback)
	for _, l := range s.room.downs {
		if v := l.downlink.view(s.ID); v != nil {
			v.told = true
		}
	}
	u.owed, u.told, u.capTold, u.unopenedTold = false, now, f.LowestCap, f.Unopened
	return now + time.Hour
}
