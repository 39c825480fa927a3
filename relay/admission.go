package relay

import (
	"net/netip"
	"sync"
)

// admission counts connections and refuses those above the limits.
type admission struct {
	max, perAddr, maxPending int // static

	mu      sync.Mutex
	all     int
	pending int // have not sent a name
	byAddr  map[netip.Prefix]int
}

func newAdmission(cfg Config) *admission {
	return &admission{
		max: cfg.MaxConns, perAddr: cfg.MaxConnsPerAddr, maxPending: cfg.MaxPending,
		byAddr: make(map[netip.Prefix]int),
	}
}

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
func (a *admission) enter(from netip.Addr) (refusal string) {
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
	}
	a.all++
	a.pending++
	a.byAddr[key]++
	return ""
}

// named notes that a connection has sent its name.
func (a *admission) named() {
	a.mu.Lock()
	a.pending--
	a.mu.Unlock()
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
