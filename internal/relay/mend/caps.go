package mend

import (
	"time"

	"github.com/tincan-voice/tincan/internal/repair"
	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/netproto/wire"
)

const (
	// partOf of a cap is shared by several: what they send in the fullest second is more than the mean. Where that is less
	// than repair.LeastPart for each, fewer are forwarded.
	partOf = 0.9
	// partMemory is how long after the last word somebody has a part: in a conversation the parts stay as they are, since
	// until all know of new ones something has to be left out.
	partMemory = 25 * time.Second
)

// SetCap sets the most that a newcomer is sent, in kbit/s above 0.
func (s *Member) SetCap(now time.Duration, kbps int) {
	d := s.down()
	d.setCap(now, kbps)
	d.apart = true
	s.Apart.Store(true)
}

// May takes what is no voice, so many bytes with all headers, from what the member's cap leaves, and tells whether it
// may be sent.
func (m *Mender) May(now time.Duration, to *Member, size int) bool {
	if to.may(now, size, repair.Upcoming{}) {
		return true
	}
	m.counts.Capped.Add(1)
	return false
}

// Pass tells whether a listener who is Apart gets a datagram of that talker that has that count in the room: within its
// cap, and from the loudest talkers. Then d gets the listener's own count; else what is left out is noted.
func (m *Mender) Pass(now time.Duration, to *Member, talker uint32, count uint8, d []byte) bool {
	v := to.down().viewOf(talker)
	size := to.onWire(len(d)) // a datagram of a bundle is counted as if it went alone
	h, _ := netproto.ParseHeader(d)
	if !to.room.hears(to, talker) {
		m.counts.Fewer.Add(1)
		m.fewer(now, to, v, h, to.room.stride(talker))
		v.exception(count)
		return false
	}
	v.ending.Forwarded(h)
	switch {
	case !to.may(now, size, to.room.louder(now, to, talker, size)): // the louder go first: the others leave room for them
		m.counts.Capped.Add(1)
	default:
		netproto.SetHop(d, netproto.Hop{Count: v.sent(count)})
		return true
	}
	v.omit(count)
	return false
}

// may takes so many bytes for a member from what its cap leaves, if what is reserved will still fit.
func (s *Member) may(now time.Duration, size int, r repair.Upcoming) bool {
	return s.downlink == nil || s.downlink.capped.Send(now, size, r)
}

// onWire is what a datagram of so many bytes takes on the way to the member, all headers counted.
func (s *Member) onWire(size int) int { return size + int(s.Overhead.Load()) }

// voiceTo is the rate of voice to a listener in bytes per second.
func (r *Room) voiceTo(now time.Duration, s *Member) float64 {
	sum := 0
	for _, t := range r.order[:min(len(r.order), maxViews)] {
		if t != s && now-t.uplink.forwarded <= time.Second && r.hears(s, t.ID) {
			bytes, _ := t.uplink.meter.LastSecond(now)
			sum += bytes
		}
	}
	return float64(sum)
}

// shareOf is the part of the voice to a listener that is this talker's, whom it hears: what comes through is shared
// by all of it.
func (r *Room) shareOf(now time.Duration, s, talker *Member) float64 {
	own, _ := talker.uplink.meter.LastSecond(now)
	if all := r.voiceTo(now, s); own > 0 && all > 0 {
		return min(float64(own)/all, 1)
	}
	return 1
}

// divide shares a listener's cap among those who talk, and reports whether a talker's part has changed.
func (r *Room) divide(now time.Duration, s *Member) bool {
	if s.downlink.cap == 0 {
		changed := s.downlink.part != 0
		s.downlink.part = 0
		return changed
	}
	n := 0
	for _, t := range r.ups {
		if last := min(t.uplink.voiced, t.uplink.forwarded); t != s && last > 0 && now-last <= partMemory && !t.Gone.Load() {
			n++
		}
	}
	d, part := s.downlink, s.downlink.cap
	if n = min(n, int(partOf*wire.Kbps(d.cap)/repair.LeastPart)); n > 1 {
		part = int(partOf * float64(d.cap) / float64(n))
	}
	changed := part != d.part
	d.part = part
	return changed
}
