package mend

import (
	"cmp"
	"slices"
	"time"

	"github.com/tincan-voice/tincan/internal/repair"
	"github.com/tincan-voice/tincan/netproto/wire"
)

// maxViews is of how many talkers a listener's reports are looked at.
const maxViews = 8

// downlink is what a room knows of the way to one listener.
type downlink struct {
	heard time.Duration // last report or nack
	repair.Downlink
	part    wire.Kbps     // of it for each who talks at present
	strict  bool          // who does not fit below it alone is left out
	deaf    bool          // it wants no voice
	apart   bool          // it is to get its voice under a cap, or from fewer talkers
	changed time.Duration // last time that these were passed on
	views   []*view
	planner repair.Planner
	capped  repair.Cap
	resend  *repair.Resender // made by the first nack

	unopened []uint32 // talkers whose voice does not open there, by the last report
}

// down returns the listener's downlink, and makes it if there is none.
func (s *Member) down() *downlink {
	if s.downlink == nil {
		s.downlink = &downlink{changed: -tickLate, deaf: s.Deaf.Load()}
		s.room.downs = append(s.room.downs, s)
	}
	return s.downlink
}

// setCap sets the most that the listener is sent, 0 = none.
func (d *downlink) setCap(most wire.Kbps) {
	d.Cap = most
	d.capped.Set(most)
}

func (d *downlink) view(talker uint32) *view {
	for i := range d.views {
		if d.views[i].talker == talker {
			return d.views[i]
		}
	}
	return nil
}

// viewOf returns the view of a talker, in place of the oldest if need be. What one loses all do who go by the same
// downlink, so a new talker is told at once what is known of it by others.
func (d *downlink) viewOf(now time.Duration, talker uint32) *view {
	v := d.view(talker)
	if v != nil {
		return v
	}
	v = &view{talker: talker, at: now}
	for _, o := range d.views {
		if o.loss.Known(now) > v.loss.Known(now) {
			v.loss = o.loss
		}
	}
	v.since = v.loss.Outcome(now)
	if len(d.views) < maxViews {
		d.views = append(d.views, v)
		return v
	}
	oldest := slices.MinFunc(d.views, func(a, b *view) int { return cmp.Compare(a.at, b.at) })
	*oldest = *v
	return oldest
}

// attendListener sends the copies that are due, and passes on what the listener wants.
func (m *Mender) attendListener(now time.Duration, s *Member) (next time.Duration) {
	d, r := s.downlink, s.room
	next = now + time.Hour
	if d.deaf != s.Deaf.Load() || d.apart != s.Apart.Load() {
		if now-d.changed >= tickLate { // each change makes a new list of the room's listeners
			d.changed = now
			m.Wishes = append(m.Wishes, Wish{ID: s.ID, Deaf: d.deaf, Apart: d.apart})
		}
		next = min(next, d.changed+tickLate)
	}
	live, all := s.Live(), !s.Apart.Load()
	for i := range d.views {
		v := d.views[i]
		if all && v.own != nil {
			v.own, v.account = nil, repair.Account{}
		}
		t := r.talker(v.talker)
		if t == nil || t.uplink.cache == nil || s.Tunnelled.Load() {
			v.Copies = repair.Copies{}
			continue
		}
		c, at := v.Copies.Next(t.uplink.cache, now)
		for ; c != nil; c, at = v.Copies.Next(t.uplink.cache, now) {
			if count, was := v.count(c); live && was && !d.deaf && r.hears(s, t.ID) {
				m.again(now, s, t, c, count, &m.counts.Copied)
			}
		}
		next = min(next, at)
	}
	return next
}

// plan decides what a listener gets beside and instead of what all get, when it has reported or others talk.
func (m *Mender) plan(now time.Duration, s *Member, reported bool) {
	d, views := s.downlink, m.views[:0]
	for _, t := range s.room.order {
		if t == s || len(views) == maxViews || !d.fits(t) {
			continue
		}
		u, v := t.uplink, d.viewOf(now, t.ID)
		v.Rate, v.Stride, v.Channel, v.Median, v.OneWay = u.meter.Rate(now), u.asker.Stride(), v.loss.Channel(), 1, t.way()+s.way()
		if u.fare.listeners > 2 { // what is lost to all, or to one of two, is for the talker to repair
			v.Median = u.fare.loss
		}
		views = append(views, &v.View)
	}
	d.planner.Plan(now, d.Downlink, views, reported)
	d.apart = d.Cap > 0 || d.planner.Talkers > 0
}
