package mend

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/tincan-voice/tincan/internal/repair"
	"github.com/tincan-voice/tincan/netproto"
)

// fare is how a talker's voice reaches its listeners.
//
// Loss is that of the median listener, of an even number the worse of the middle two, since to send one of two
// everything again costs more than what the talker can do for both. All other figures drive the talker's rate, and so
// everybody's quality; there a quarter of the listeners, from three on at least one, may be as bad as they like (or say
// so) without effect: what these need, the relay does for them alone. Caps count of all listeners who are there, since
// one that is left out for a cap is not reported on.
type fare struct {
	listeners int               // that have reported
	loss      float64           // share
	told      netproto.Feedback // what the talker is told of it; Median is of what was reported since the last time
}

// collector is a Mender's memory for making a fare: the views of a talker, and the figures of its listeners, the worse
// the higher.
type collector struct {
	views                     []*view
	rtt, queue, trend, jitter []int // ms, and ms/s
	cap, rate                 []int // kbit/s, negative, as less is worse: the cap, and what comes through
}

// unlimited stands for no cap and no limit of the rate.
const unlimited = math.MaxUint16

// judge makes the fare of one talker anew.
func (m *Mender) judge(now time.Duration, talker *Member) {
	r, c, f := talker.room, &m.collect, fare{}
	*c = collector{c.views[:0], c.rtt[:0], c.queue[:0], c.trend[:0], c.jitter[:0], c.cap[:0], c.rate[:0]}
	for _, s := range r.downs {
		d := s.downlink
		if s == talker || d.deaf || !s.Live() {
			continue
		}
		if s.Trunk {
			c.peer(now, d.view(talker.ID), &f.told)
			continue
		}
		limit := unlimited
		if d.Cap > 0 { // which holds for those too who are not forwarded for its sake
			limit = int(cmp.Or(d.part, d.Cap))
		}
		c.cap = append(c.cap, -limit)
		if now-d.heard > memory {
			continue
		}
		if slices.Contains(d.unopened, talker.ID) {
			f.told.Unopened++
		}
		v := d.view(talker.ID)
		if v == nil || v.loss.Known(now) == 0 || now-v.at > memory {
			continue
		}
		limit = unlimited
		if d.Queue >= repair.JammedQueue && r.hears(s, talker.ID) {
			limit = max(1, int(float64(d.Rate)*r.shareOf(now, s, talker)+0.5))
		}
		if s.Tunnelled.Load() { // what is lost in a tunnel was late, and no talker can do anything for it
			f.told.Median.Received = max(f.told.Median.Received, v.since.Received+v.since.Lost)
		} else {
			c.views = append(c.views, v)
		}
		c.rate = append(c.rate, -limit)
		c.rtt = append(c.rtt, int(d.RTT/time.Millisecond))
		c.queue = append(c.queue, int(d.Queue/time.Millisecond))
		c.trend = append(c.trend, int(d.Trend*1000))
		c.jitter = append(c.jitter, int(v.jitter/time.Millisecond))
	}
	t := &f.told
	queued := quarter
	if talker.uplink.meter.Rate(now) <= minorityRate {
		queued = half
	}
	t.WorstRTT, t.WorstQueue, t.WorstJitter = u16(worst(c.rtt, quarter)), u16(worst(c.queue, queued)), u16(worst(c.jitter, quarter))
	t.WorstTrend, t.LowestCap, t.LowestRate = i16(worst(c.trend, queued)), least(c.cap), least(c.rate)
	if f.listeners = len(c.views); f.listeners > 0 {
		slices.SortFunc(c.views, func(a, b *view) int { return cmp.Compare(a.loss.Fraction(), b.loss.Fraction()) })
		v := c.views[f.listeners/2]
		f.loss, t.Median = v.loss.Fraction(), v.since
	}
	u := talker.uplink
	u.fare, u.judged = f, now
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
	if now-u.judged >= repair.ReportJammed {
		m.judge(now, s)
	}
	f := &u.fare.told
	mood := max(u.asker.Mood(now),
		repair.MoodOf(u.fare.loss >= repair.LossyFrom, time.Duration(f.WorstQueue)*time.Millisecond, float64(f.WorstTrend)/1000))
	if f.LowestCap != u.told.LowestCap || f.Unopened != u.told.Unopened { // which cannot wait either
		mood = repair.Jammed
	}
	if !u.schedule.Due(now, mood) {
		return now + tickLate
	}
	m.judge(now, s)
	f.Receipt = *u.asker.Receipt()
	queue, trend := u.asker.Queue(now)
	f.Rate, f.Queue, f.Trend = u16(int(u.meter.Rate(now))), u16(int(queue/time.Millisecond)), i16(int(trend*1000))
	if s.Live() && !s.Deaf.Load() && !s.Far { // is one of the listeners
		listeners--
	}
	f.Hearers = u16(listeners)
	if now-u.forwarded <= time.Second {
		f.Listeners = f.Hearers
	}
	f.Shift = m.shift(s)
	m.body = netproto.AppendFeedback(m.body[:0], f)
	m.tell(now, s, netproto.TypeReport, &m.counts.Feedback)
	for _, l := range s.room.downs {
		if v := l.downlink.view(s.ID); v != nil {
			v.since = netproto.Outcome{}
		}
	}
	u.owed, u.told = false, *f
	return now + time.Hour
}
