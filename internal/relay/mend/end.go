package mend

import (
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

// Ending is what listeners have to be told when a talker is not forwarded to them any more: which datagram was the
// last one. The zero value is that of nobody who was forwarded. Guarded by the room's lock.
type Ending struct {
	last uint32 // the newest datagram that was forwarded
	left uint8  // times that they are still to be told of it
}

// endTimes is how often they are told, with each of the first datagrams that they do not get: who has not been told
// takes what is missing for late, and makes up half a second.
const endTimes = 3

// Forwarded notes a datagram that is forwarded. It may have ended a talkspurt: that cannot be seen, as a talker may
// send digital silence too, and to say it once more does no harm.
func (e *Ending) Forwarded(h netproto.Header) {
	if h.Seq > e.last {
		e.last, e.left = h.Seq, endTimes
	}
}

// Before tells whether a datagram is older than the last one that was forwarded.
func (e *Ending) Before(h netproto.Header) bool { return h.Seq < e.last }

// Over notes a datagram that is not forwarded, and returns the last one that was, and whether they are to be told.
func (e *Ending) Over() (last uint32, tell bool) {
	tell = e.left > 0
	if tell {
		e.left--
	}
	return e.last, tell
}

// Ended tells a listener who is Apart what all are told: this talker is not forwarded any more. Who does not get it
// anyway has been told before.
func (m *Mender) Ended(now time.Duration, to *Member, talker, last uint32) {
	if v := to.down().view(talker); v != nil {
		m.end(now, to, v, last)
	}
}

// end tells a listener, if it is still to be told and its cap allows that, that this was the last datagram of a talker
// for now.
func (m *Mender) end(now time.Duration, to *Member, v *view, last uint32) {
	if v.ending.left == 0 {
		return
	}
	m.body, _ = netproto.AppendEnds(m.body[:0], []netproto.End{{Session: v.talker, Seq: last}}) // one always fits
	if m.tell(now, to, netproto.TypeEnd, nil) {
		v.ending.left--
	}
}
