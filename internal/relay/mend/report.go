package mend

import (
	"time"

	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/netproto/wire"
)

// Report takes a listener's report. The room must be attended at look, or before; the error is that of
// netproto.ParseReport.
func (m *Mender) Report(now time.Duration, s *Member, body []byte) (look time.Duration, err error) {
	if err := netproto.ParseReport(&m.reported, body); err != nil {
		return 0, err
	}
	r, d := &m.reported, s.down()
	d.heard = now
	d.RTT, d.Queue = time.Duration(r.RTT)*time.Millisecond, time.Duration(r.Queue)*time.Millisecond
	d.Trend, d.Rate = float64(r.Trend)/1000, wire.Kbps(r.Rate)
	d.setCap(wire.Kbps(r.Cap))
	d.deaf = r.Deaf
	d.unopened = append(d.unopened[:0], r.Unopened[:min(len(r.Unopened), maxViews)]...)
	for _, id := range d.unopened {
		if t := s.room.talker(id); t != nil {
			t.uplink.dirty = true
		}
	}
	for i := range r.Talkers {
		b := &r.Talkers[i]
		t := s.room.talker(b.Session)
		if t == nil || t == s {
			continue
		}
		d.viewOf(now, b.Session).take(now, b, t.uplink)
		t.uplink.dirty = true
	}
	if s.uplink != nil {
		s.room.setPath(s)
	}
	d.planner.Report(now, d.Downlink)
	m.plan(now, s)
	return now, nil
}
