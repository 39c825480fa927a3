package relay

import (
	"net/netip"
	"sync"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/rate"
)

// admission counts connections and refuses those above the limits. Those that never
// send a name are limited in number per second too, for each of them may cost a
// handshake of TLS, about a millisecond of CPU.
type admission struct {
	max, perAddr, maxPending int // static
	nameless                 *rate.Addresses

	mu      sync.Mutex
	all     int
	pending int // have not sent a name
	byAddr  map[netip.Prefix]int
	held    map[netip.Prefix]int // sessions without a connection
}

func newAdmission(cfg Config) *admission {
	return &admission{
		max: cfg.MaxConns, perAddr: cfg.MaxConnsPerAddr, maxPending: cfg.MaxPending,
		nameless: rate.NewAddresses(time.Second/time.Duration(cfg.NamelessRate), namelessBurst),
		byAddr:   make(map[netip.Prefix]int), held: make(map[netip.Prefix]int),
	}
}

// namelessBurst is how much of its rate of connections without a name an address may
// save up: with the usual limits, all who may be there come back at once after a restart.
const namelessBurst = 8 * time.Second

// neighbourhood is what counts as one address: all of a /64 belongs to one
// household.
func neighbourhood(a netip.Addr) netip.Prefix {
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, _ := a.WithZone("").Prefix(bits) // the numbers fit
	return p
}

// enter counts a new connection, or says why it may not come in.
func (a *admission) enter(now time.Duration, from netip.Addr) (refusal string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	key := neighbourhood(from)
	switch {
	case a.all >= a.max:
		return "the relay has too many connections"
	case a.pending >= a.maxPending:
		return "too many connections without a name at once: try again soon"
	case a.byAddr[key] >= a.perAddr && !from.IsLoopback():
		return "too many connections from your address"
	case !from.IsLoopback() && !a.nameless.Allow(now, from):
		return "too many connections without a name from your address: try again soon"
	}
	a.all++
	a.pending++
	a.byAddr[key]++
	return ""
}

// named notes that a connection has sent its name.
func (a *admission) named(from netip.Addr) {
	a.mu.Lock()
	a.pending--
	a.mu.Unlock()
	if !from.IsLoopback() {
		a.nameless.Refund(from)
	}
}

// leave takes a connection out of the count.
func (a *admission) leave(from netip.Addr, named bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all--
	if !named {
		a.pending--
	}
	key := neighbourhood(from)
	if a.byAddr[key]--; a.byAddr[key] == 0 {
		delete(a.byAddr, key)
	}
}

// hold counts a session whose connection is lost: an address has as many as it may have connections. They are counted
// apart from those, or who comes back could not get in.
func (a *admission) hold(from netip.Addr) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	key := neighbourhood(from)
	if a.held[key] >= a.perAddr && !from.IsLoopback() {
		return false
	}
	a.held[key]++
	return true
}

// release takes such a session out of the count.
func (a *admission) release(from netip.Addr) {
	a.mu.Lock()
	defer a.mu.Unlock()
	key := neighbourhood(from)
	if a.held[key]--; a.held[key] == 0 {
		delete(a.held, key)
	}
}
