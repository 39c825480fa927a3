// Package rate is how often something may happen: to one sender, or to each IP address. It reads no clock.
package rate

import (
	"hash/maphash"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/origin"
)

// Rate is the generic cell rate algorithm (ITU-T I.371, annex A) in one word:
// the time at which the sender would be on schedule. The zero value is ready,
// and any goroutine may use it.
type Rate struct {
	schedule atomic.Int64
}

// Allow takes one event: they may come every so often, or saved up for the
// burst.
func (r *Rate) Allow(now, every, burst time.Duration) bool {
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

// Refund takes one event back that was allowed.
func (r *Rate) Refund(every time.Duration) { r.schedule.Add(-int64(every)) }

// slots bounds the memory for the rates of addresses. Several addresses may
// meet in one slot and then share its rate.
const slots = 4096

// Addresses is a rate for each IP address (IPv6: for each /64). It is too large to be copied.
type Addresses struct {
	every, burst time.Duration // see Rate.Allow
	seed         maphash.Seed  // so that nobody can aim at another's slot
	slots        [slots]Rate
}

// NewAddresses returns rates of one event every so often, each saved up for the burst.
func NewAddresses(every, burst time.Duration) *Addresses {
	return &Addresses{every: every, burst: burst, seed: maphash.MakeSeed()}
}

// Allow takes one event of an address.
func (a *Addresses) Allow(now time.Duration, from netip.Addr) bool {
	return a.at(from).Allow(now, a.every, a.burst)
}

// Refund takes one event of an address back that was allowed.
func (a *Addresses) Refund(from netip.Addr) { a.at(from).Refund(a.every) }

func (a *Addresses) at(from netip.Addr) *Rate {
	return &a.slots[maphash.Comparable(a.seed, origin.Household(from))%slots]
}
