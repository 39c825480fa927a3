package relay

import (
	"hash/maphash"
	"net/netip"
	"sync/atomic"
	"time"
)

// rate is the generic cell rate algorithm (ITU-T I.371, annex A) in one word:
// the time at which the sender would be on schedule. The zero value is ready,
// and any goroutine may use it.
type rate struct {
	schedule atomic.Int64
}

// allow takes one event: they may come every so often, or saved up for the
// burst.
func (r *rate) allow(now, every, burst time.Duration) bool {
	for {
		old := r.schedule.Load()
		at := max(old, int64(now))
		if at-int64(now) > int64(burst) {
			return false
		}
		if r.schedule.CompareAndSwap(old, at+int64(every)) {
			return true
		}
	}
}

// strangerSlots bounds the memory for the rates of unknown addresses. Several
// addresses may meet in one slot and then share its rate.
const strangerSlots = 4096

// strangers limits datagrams from addresses that are no session's own:
//
//	one comes       charged to its address; to the session that it names when the
//	                address has nothing left; not looked at when neither has
//	it is genuine   refunded
//
// So it is only forgeries and replays that use anything up, and however many of
// them come from somebody's address, the session's own share remains: neither
// a thousand people who join from behind one NAT nor a flood beside them keeps
// anybody from getting a path.
type strangers struct {
	every time.Duration
	seed  maphash.Seed // so that nobody can aim at another's slot
	slots [strangerSlots]rate
}

func newStrangers(perSecond int) *strangers {
	return &strangers{every: time.Second / time.Duration(perSecond), seed: maphash.MakeSeed()}
}

const (
	// A session's own share of looks, per datagram and saved up: twice the voice at 20 ms.
	sessionLook  = 10 * time.Millisecond
	sessionLooks = time.Second
)

// charge is what a look at a datagram has used up.
type charge struct {
	rate  *rate // nil: nothing
	every time.Duration
}

func (c charge) refund() {
	if c.rate != nil {
		c.rate.schedule.Add(-int64(c.every))
	}
}

// look charges for a look at a datagram that names s. If it is not ok the datagram must
// not be looked at.
func (t *strangers) look(now time.Duration, from netip.Addr, s *session) (c charge, ok bool) {
	ip := from.As16()
	b := ip[:]
	if from.Is6() && !from.Is4In6() {
		b = ip[:8] // whoever has one address of a /64 has them all
	}
	if slot := &t.slots[maphash.Bytes(t.seed, b)%strangerSlots]; slot.allow(now, t.every, time.Second) {
		return charge{slot, t.every}, true
	}
	return charge{&s.looks, sessionLook}, s.looks.allow(now, sessionLook, sessionLooks)
}
