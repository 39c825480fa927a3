package stream

import (
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

// ahead is datagrams that came before what opens them: a talker sends its key by TCP, and what it seals with that at the
// same time by UDP. The oldest one makes room, and is dropped.
type ahead struct {
	ring [16]early
	next int
}

// early is one of them.
type early struct {
	at       time.Duration
	talker   *talker // nil: none
	datagram [netproto.MaxDatagram]byte
	size     int
}

// mostAhead is how long one waits at most.
const mostAhead = 400 * time.Millisecond

// keep keeps a copy, which counts as dropped when it is. It returns why the datagram is not taken now.
func (a *ahead) keep(now time.Duration, r *Receiver, t *talker, datagram []byte) error {
	e := &a.ring[a.next%len(a.ring)]
	a.next++
	if e.talker != nil {
		_ = r.refuse(now, e.talker, DropEpoch)
	}
	e.at, e.talker, e.size = now, t, copy(e.datagram[:], datagram)
	return DropEpoch
}

// release opens those of a talker and an epoch, whose key is known now, in the order in which they came.
func (a *ahead) release(now time.Duration, r *Receiver, session, epoch uint32) {
	first := a.next
	for i := range a.ring {
		e := &a.ring[(first+i)%len(a.ring)]
		t := e.talker
		if t == nil || t.session != session || uint32(e.datagram[0]>>4&3) != epoch&3 {
			continue
		}
		e.talker = nil
		if now-e.at < mostAhead {
			_ = r.open(now, e.datagram[:e.size])
		} else {
			_ = r.refuse(now, t, DropEpoch)
		}
	}
}
