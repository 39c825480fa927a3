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

// strangers limits datagrams from addresses that are no session's own.
type strangers struct {
	every time.Duration
	seed  maphash.Seed // so that nobody can aim at another's slot
	slots [strangerSlots]rate
}

func newStrangers(perSecond int) *strangers {
	return &strangers{every: time.Second / time.Duration(perSecond), seed: maphash.MakeSeed()}
}

func (s *strangers) allow(now time.Duration, from netip.Addr) bool {
	ip := from.As16()
	b := ip[:]
	if from.Is6() && !from.Is4In6() {
		b = ip[:8] // whoever has one address of a /64 has them all
	}
	return s.slots[maphash.Bytes(s.seed, b)%strangerSlots].allow(now, s.every, time.Second)
}
