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
	down := repair.Downlink{RTT: d.rtt, Rate: d.rate, Queue: d.queue, Trend: d.trend}
	if d.cap > 0 {
		down.Cap = max(repair.Sustained(d.cap)-repair.DownControl, 1)
	}
	if reported {
		d.planner.Report(now, down, m.views[:n])
	} else {
		d.planner.Plan(now, down, m.views[:n])
	}
	d.apart = d.cap > 0 || d.planner.Talkers() > 0
}

// viewFor is how a talker comes through to a listener, as a Planner wants it.
func viewFor(now time.Duration, d *downlink, t *Member) repair.View {
	u := t.uplink
	way := assumedWay
	if t.downlink != nil && t.downlink.rtt > 0 {
		way = t.downlink.rtt / 2
	}
	v := repair.View{Rate: u.meter.Rate(now), Stride: u.asker.Stride(), Median: 1, OneWay: way + d.rtt/2, Copies: &d.none}
	if seen := d.view(t.ID); seen != nil && seen.known {
		v.Channel, v.Hole, v.Buffer, v.Copies = seen.loss.Channel(), seen.hole, seen.buffer, &seen.copies
	}
	if u.fare.listeners > 2 { // what is lost to all, or to one of two, is for the talker to repair
		v.Median = u.fare.loss
	}
	return v
}

// hears tells whether a listener is to get this talker's voice.
func (r *Room) hears(s *Member, talker uint32) bool {
	most := s.downlink.planner.Talkers()
	return most == 0 || r.rank(s, talker) < most
}
