package mend

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/tincan-voice/tincan/internal/repair"
	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/netproto/wire"
)

// BeginCapped sets the most that a newcomer is sent, above 0.
func (s *Member) BeginCapped(most wire.Kbps) {
	d := s.down()
	d.setCap(most)
	d.apart = true
	s.Apart.Store(true)
}

// May takes what is no voice, so many bytes with all headers, from what the member's cap leaves, and tells whether it
// may be sent.
func (m *Mender) May(now time.Duration, to *Member, size int) bool {
	return m.may(now, to, size, repair.Upcoming{})
}

// may is the same of anything, if what is upcoming will still fit.
func (m *Mender) may(now time.Duration, to *Member, size int, r repair.Upcoming) bool {
	ok := to.downlink == nil || to.downlink.capped.Send(now, size, r)
	if !ok {
		m.counts.Capped.Add(1)
	}
	return ok
}

// again sends a listener a datagram of a talker once more, of that count, if its cap allows that.
func (m *Mender) again(now time.Duration, to, talker *Member, d []byte, count uint8, sent *atomic.Uint64) {
	if m.may(now, to, to.onWire(len(d)), talker.uplink.upcoming(now)) {
		m.Batch.Add(to, netproto.TypeVoice, d, 1, sent)
		netproto.SetHop(m.Batch.Bytes, netproto.Hop{Count: count, Again: true})
	}
}

// Pass tells whether a listener who is Apart gets a datagram of that talker: within its cap, and from the loudest
// talkers. Then d gets the listener's own count; what is left out takes none.
func (m *Mender) Pass(now time.Duration, to *Member, talker uint32, d []byte) bool {
	t := to.room.talker(talker)
	if t == nil {
		return false
	}
	v := to.down().viewOf(now, talker)
	h, _ := netproto.ParseHeader(d)
	size := to.onWire(len(d)) // a datagram of a bundle is counted as if it went alone
	v.exception(t.uplink, h.Seq)
	if !to.room.hears(to, talker) { // what a cap takes out of somebody's speech is not told: it is missing there
		m.counts.Fewer.Add(1)
		m.end(now, to, v, v.ending.last)
		return false
	}
	v.ending.Forwarded(h)
	if !m.may(now, to, size, to.room.louder(now, to, talker, size)) { // the louder go first: the others leave room for them
		return false
	}
	netproto.SetHop(d, netproto.Hop{Count: v.own.Add(h.Seq)})
	return true
}

// choose leaves those out for a listener with a cap who alone take more than that, as long as somebody else talks who
// does not: so nobody drowns the others there by sending much.
func (r *Room) choose(now time.Duration, listener *Member) {
	d := listener.downlink
	d.strict = d.Cap > 0 && slices.ContainsFunc(r.order, func(t *Member) bool {
		return t != listener && t.uplink.rate <= d.Cap && now-t.uplink.forwarded <= time.Second
	})
}

// fits tells whether a talker may be heard by a listener as far as its cap goes.
func (d *downlink) fits(t *Member) bool { return !d.strict || t.uplink.rate <= d.Cap }

// onWire is what a datagram of so many bytes takes on the way to the member, all headers counted.
func (s *Member) onWire(size int) int { return size + int(s.Overhead.Load()) }

// voiceTo is the rate of voice to a listener.
func (r *Room) voiceTo(now time.Duration, s *Member) (sum wire.Kbps) {
	for _, t := range r.order[:min(len(r.order), maxViews)] {
		if t != s && now-t.uplink.forwarded <= time.Second && r.hears(s, t.ID) {
			sum += t.uplink.meter.Rate(now)
		}
	}
	return sum
}

// shareOf is the part of the voice to a listener that is this talker's, whom it hears: what comes through is shared
// by all of it.
func (r *Room) shareOf(now time.Duration, s, talker *Member) float64 {
	own := talker.uplink.meter.Rate(now)
	if all := r.voiceTo(now, s); own > 0 && all > 0 {
		return min(float64(own/all), 1)
	}
	return 1
}

// divide shares a listener's cap among those who have talked for as long as they are remembered: in a conversation the
// parts stay as they are, since until all know of new ones something has to be left out.
func (r *Room) divide(now time.Duration, s *Member) {
	d, n := s.downlink, 0
	for _, t := range r.ups {
		if last := min(t.uplink.voiced, t.uplink.forwarded); t != s && last > 0 && now-last <= idle && !t.Gone.Load() {
			n++
		}
	}
	d.part = repair.Part(d.Cap, n)
}
