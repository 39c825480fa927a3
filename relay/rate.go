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

// refund takes one event back that was allowed.
func (r *rate) refund(every time.Duration) { r.schedule.Add(-int64(every)) }

// rateSlots bounds the memory for the rates of addresses. Several addresses may
// meet in one slot and then share its rate.
const rateSlots = 4096

// addressRates is a rate for each IP address (IPv6: for each /64).
type addressRates struct {
	every, burst time.Duration // see rate.allow
	seed         maphash.Seed  // so that nobody can aim at another's slot
	slots        [rateSlots]rate
}

func newAddressRates(every, burst time.Duration) addressRates {
	return addressRates{every: every, burst: burst, seed: maphash.MakeSeed()}
}

// at returns the rate of an address.
func (r *addressRates) at(from netip.Addr) *rate {
	ip := from.As16()
	b := ip[:]
	if from.Is6() && !from.Is4In6() {
		b = ip[:8] // whoever has one address of a /64 has them all
	}
	return &r.slots[maphash.Bytes(r.seed, b)%rateSlots]
}

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
type strangers struct{ addressRates }

func newStrangers(perSecond int) *strangers {
	return &strangers{newAddressRates(time.Second/time.Duration(perSecond), time.Second)}
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
		c.rate.refund(c.every)
	}
}

// look charges for a look at a datagram that names s. If it is not ok the datagram must
// not be looked at.
func (t *strangers) look(now time.Duration, from netip.Addr, s *session) (c charge, ok bool) {
	if slot := t.at(from); slot.allow(now, t.every, t.burst) {
		return charge{slot, t.every}, true
	}
	return charge{&s.looks, sessionLook}, s.looks.allow(now, sessionLook, sessionLooks)
}
