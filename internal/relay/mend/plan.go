package mend

import (
	"time"

	"github.com/tincan-voice/tincan/internal/repair"
)

// plan decides what a listener gets beside and instead of what all get, when it has reported or others talk.
func (m *Mender) plan(now time.Duration, s *Member, reported bool) {
	r, d := s.room, s.downlink
	n := 0
	for _, t := range r.order {
		if t != s && n < len(m.views) {
			m.views[n] = viewFor(now, d, t)
			n++
		}
	}
	if reported {
		d.planner.Report(now, d.Downlink, m.views[:n])
	} else {
		d.planner.Plan(now, d.Downlink, m.views[:n])
	}
	d.apart = d.Cap > 0 || d.planner.Talkers() > 0
}

// viewFor is how a talker comes through to a listener, as a Planner wants it.
func viewFor(now time.Duration, d *downlink, t *Member) *repair.View {
	u := t.uplink
	v := d.viewOf(now, t.ID)
	v.Rate, v.Stride, v.Channel, v.Median, v.OneWay = u.meter.Rate(now), u.asker.Stride(), v.loss.Channel(), 1, t.way()+d.RTT/2
	if u.fare.listeners > 2 { // what is lost to all, or to one of two, is for the talker to repair
		v.Median = u.fare.loss
	}
	return &v.View
}

// hears tells whether a listener is to get this talker's voice.
func (r *Room) hears(s *Member, talker uint32) bool {
	most := s.downlink.planner.Talkers()
	return most == 0 || r.rank(s, talker) < most
}
