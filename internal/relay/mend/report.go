package mend

import (
	"encoding/binary"
	"time"

	"github.com/tincan-voice/tincan/internal/estimate"
	"github.com/tincan-voice/tincan/internal/repair"
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
	worst := 0.0
	for i := range r.Talkers {
		b := &r.Talkers[i]
		if t := s.room.talker(b.Session); t != nil && t != s {
			v := d.viewOf(now, b.Session)
			v.take(now, b, t.uplink)
			worst = max(worst, v.loss.Fraction())
		}
	}
	s.lost.Store(uint32(worst * lostUnit))
	if s.uplink != nil {
		s.room.setPath(s)
	}
	m.plan(now, s, true)
	return now, nil
}

// view is how one talker comes through to a listener. What the talker's own hop loses is not in it: each hop counts
// what it sends.
type view struct {
	talker uint32
	repair.View
	at      time.Duration // last report
	account repair.Account
	loss    estimate.Fading
	since   netproto.Outcome // of what reports told since the last feedback to the talker
	jitter  time.Duration    // of the arrivals
	ending  Ending
	own     *repair.Sent       // what was sent to this listener; nil: all that the room got
	far     *netproto.Feedback // of those behind a Trunk, its last
}

// take takes a listener's block about a talker.
func (v *view) take(now time.Duration, b *netproto.TalkerReport, u *uplink) {
	v.at, v.Hole = now, float64(b.HoleQ8)/256
	v.Buffer, v.jitter = time.Duration(b.Buffer)*time.Millisecond, time.Duration(b.Jitter)*time.Millisecond
	if o, ok := v.account.Take(v.sent(u), &b.Receipt, u.asker.Stride()); ok {
		v.loss.Add(now, u.asker.Stride(), o)
		v.since.Add(o)
	}
}

// sent is what the listener was sent of a talker.
func (v *view) sent(u *uplink) *repair.Sent {
	if v == nil || v.own == nil {
		return &u.sent
	}
	return v.own
}

// exception begins counts of the listener's own with that datagram: all before has been sent as it is. Then what is
// left out is no gap to the listener.
func (v *view) exception(u *uplink, seq uint32) {
	if v.own == nil {
		own := u.sent
		own.Forget(seq)
		v.own, v.ending = &own, Ending{last: own.Last(), left: endTimes}
	}
}

// count returns the listener's count for a datagram of the talker, and whether it has been sent that.
func (v *view) count(d []byte) (uint8, bool) {
	if v.own == nil {
		return countOf(d), true
	}
	count, ok := v.own.Find(seqOf(d))
	return uint8(count % netproto.HopCounts), ok
}

// seqOf is the sequence number of a datagram.
func seqOf(d []byte) uint32 { return binary.BigEndian.Uint32(d[5:]) }
