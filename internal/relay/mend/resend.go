package mend

import (
	"time"

	"github.com/tincan-voice/tincan/internal/repair"
	"github.com/tincan-voice/tincan/netproto"
)

// Nack answers a listener's nack, within its budget. The room must be attended at look, or before; the error is that of
// netproto.ParseNack.
func (m *Mender) Nack(now time.Duration, s *Member, body []byte) (look time.Duration, err error) {
	look = now + memory
	if m.blocks, err = netproto.ParseNack(m.blocks[:0], body); err != nil || !s.Live() || s.Deaf.Load() || s.Tunnelled.Load() {
		return look, err
	}
	r, d := s.room, s.down()
	d.heard = now
	if d.resend == nil {
		d.resend = new(repair.Resender)
	}
	d.resend.SetRate(r.voiceTo(now, s))
	left := netproto.HopCounts // are looked up: more than Askers of four talkers ask for at once
	for _, b := range m.blocks {
		t := r.talker(b.Session)
		if t == nil || t == s || t.uplink.cache == nil || !r.hears(s, t.ID) {
			continue
		}
		sent := d.view(t.ID).sent(t.uplink)
		for count := range b.All() {
			if left--; left < 0 {
				m.counts.Throttled.Add(1)
				return look, nil
			}
			v := t.uplink.cache.Get(now, sent.Seq(count))
			if v == nil {
				continue
			}
			if ok, _ := d.resend.Allow(now, t.ID, uint32(count), len(v), 2*s.way()); ok {
				m.again(now, s, t, v, count, &m.counts.Resent)
			} else {
				m.counts.Throttled.Add(1)
			}
		}
	}
	return look, nil
}
