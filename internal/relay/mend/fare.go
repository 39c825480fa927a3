package mend

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/tincan-voice/tincan/internal/repair"
	"github.com/tincan-voice/tincan/netproto"
)

// reportLife is how long a listener's report counts.
const reportLife = 5 * time.Second

// fare is how a talker's voice reaches its listeners.
//
// Loss is that of the median listener, of an even number the worse of the middle two, since to send one
// of two everything again costs more than what the talker can do for both. All other
// figures drive the talker's rate, and so everybody's quality; there a quarter of
// the listeners may be as bad as they like (or say so) without effect, from
// three on at least one. What these need, the relay does for them alone. Caps count of all listeners who are there,
// since one that is left out for a cap is not reported on.
type fare struct {
	listeners int               // that have reported
	loss      float64           // share
	told      netproto.Feedback // what the talker is told of it; Median is of what was reported since the last time
}

// quorum is which one of n listeners, the worst first, is told about, from 1 on.
func quorum(n int) int { return 1 + (n+1)/4 }

// collector is a Mender's memory for making a fare: one figure of every listener, the worse the higher.
type collector struct {
	views                                []*view
	rtt, queue, trend, jitter, cap, rate []int
}

// unlimited stands for no limit. Limits, a cap or a rate, are negative here: less is worse.
const unlimited = math.MinInt

func (c *collector) reset() {
	c.views = c.views[:0]
	for _, l := range []*[]int{&c.rtt, &c.queue, &c.trend, &c.jitter, &c.cap, &c.rate} {
		*l = (*l)[:0]
	}
}

// worst is the highest but those that do not count, 0 where there is none.
func worst(l []int) int {
	if len(l) == 0 {
		return 0
	}
	slices.Sort(l)
	return l[len(l)-min(quorum(len(l)), len(l))]
}

// least is the worst of a list of limits; 0: there is none.
func least(l []int) uint16 {
	if v := worst(l); v != unlimited {
		return u16(-v)
	}
	return 0
}

// judge makes the fare of one talker anew.
func (m *Mender) judge(now time.Duration, talker *Member) {
	r, c, f := talker.room, &m.collect, fare{}
	c.reset()
	for _, s := range r.downs {
		d := s.downlink
		if s == talker || d.deaf || !s.Live() {
			continue
		}
		limit := unlimited
		if d.Cap > 0 { // which holds for those too who are not forwarded for its sake
			limit = -int(cmp.Or(d.part, d.Cap))
		}
		c.cap = append(c.cap, limit)
		if now-d.heard > reportLife {
			continue
		}
		if slices.Contains(d.unopened, talker.ID) {
			f.told.Unopened++
		}
		v := d.view(talker.ID)
		if v == nil || !v.known || now-v.at > reportLife {
			continue
		}
		limit = unlimited
		if d.Queue >= repair.JammedQueue && r.hears(s, talker.ID) {
			limit = -max(1, int(float64(d.Rate)*r.shareOf(now, s, talker)+0.5))
		}
		if !s.Tunnelled.Load() { // what is lost in a tunnel was late, and no talker can do anything for it
			c.views = append(c.views, v)
		}
		c.rate = append(c.rate, limit)
		c.rtt = append(c.rtt, int(d.RTT/time.Millisecond))
		c.queue = append(c.queue, int(d.Queue/time.Millisecond))
		c.trend = append(c.trend, int(d.Trend*1000))
		c.jitter = append(c.jitter, int(v.jitter/time.Millisecond))
	}
	t := &f.told
	t.WorstRTT, t.WorstQueue, t.WorstJitter = u16(worst(c.rtt)), u16(worst(c.queue)), u16(worst(c.jitter))
	t.WorstTrend, t.LowestCap, t.LowestRate = i16(worst(c.trend)), least(c.cap), least(c.rate)
	if f.listeners = len(c.views); f.listeners > 0 {
		slices.SortFunc(c.views, func(a, b *view) int { return cmp.Compare(a.since.Loss(), b.since.Loss()) })
		v := c.views[f.listeners/2]
		if f.loss = v.since.Loss(); !v.told {
			t.Median = v.since
		}
	}
	u := talker.uplink
	u.fare, u.judged, u.dirty = f, now, false
	r.setPath(talker)
}

func u16(v int) uint16 { return uint16(min(max(v, 0), math.MaxUint16)) }
func i16(v int) int16  { return int16(min(max(v, math.MinInt16), math.MaxInt16)) }

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
		switch {
		case u.dirty: // a listener has said something new
			return u.judged + repair.ReportJammed
		case now-u.last < time.Second:
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
