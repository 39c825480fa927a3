package relay

import (
	"container/list"
	"net/netip"
	"sync"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/origin"
	"github.com/tincan-voice/tincan/internal/relay/rate"
)

// admission counts connections and refuses those above the limits. Those that never
// send a name are limited in number per second too, for each of them may cost a
// handshake of TLS, about a millisecond of CPU.
type admission struct {
	max, perAddr, maxPending int // static
	nameless, named          *rate.Networks

	mu      sync.Mutex
	all     int
	waiting list.List // of *entry: those that have not sent a name, the oldest first
	open    tally
	held    tally // sessions without a connection
}

// entry is a connection that has been let in. Guarded by the admission.
type entry struct {
	from  netip.Addr
	close func()        // ends the connection
	waits *list.Element // nil: it has sent its name, or had to make room
}

func newAdmission(cfg Config) *admission {
	every := time.Second / time.Duration(cfg.NamelessRate)
	return &admission{
		max: cfg.MaxConns, perAddr: cfg.MaxConnsPerAddr, maxPending: cfg.MaxPending,
		nameless: rate.NewNetworks(every, namelessBurst), named: rate.NewNetworks(every/namedShare, namelessBurst),
		open: make(tally), held: make(tally),
	}
}

const (
	// namelessBurst is how much of its rate of connections without a name an address may
	// save up: with the usual limits, all who may be there come back at once after a restart.
	namelessBurst = 8 * time.Second
	// namedShare is how many times that rate those may come that do send names: they cost a handshake too.
	namedShare = 2
)

// tally counts by network: origin.Across says which an address is in, and how much each may have.
type tally map[netip.Prefix]int

func (t tally) add(from netip.Addr, n int) {
	for _, net := range origin.Across(from) {
		if t[net.Prefix] += n; t[net.Prefix] == 0 {
			delete(t, net.Prefix)
		}
	}
}

// full tells whether one of the networks has what it may have, where an address may have most.
func (t tally) full(from netip.Addr, most int) bool {
	for _, net := range origin.Across(from) {
		if t[net.Prefix] >= most*net.Share && !from.IsLoopback() {
			return true
		}
	}
	return false
}

// enter counts a new connection, or says why it may not come in. Where too many have not sent a name the one that has
// waited longest makes room, and is closed: an honest one needs a few round trips only.
func (a *admission) enter(now time.Duration, from netip.Addr, closes func()) (e *entry, refusal string) {
	a.mu.Lock()
	switch {
	case a.all >= a.max:
		refusal = "the relay has too many connections"
	case a.open.full(from, a.perAddr):
		refusal = "too many connections from your address"
	case !from.IsLoopback() && !a.nameless.Allow(now, from):
		refusal = "too many connections without a name from your address: try again soon"
	}
	if refusal != "" {
		a.mu.Unlock()
		return nil, refusal
	}
	var oldest *entry
	if a.waiting.Len() >= a.maxPending {
		oldest = a.waiting.Front().Value.(*entry)
		a.settleLocked(oldest)
	}
	e = &entry{from: from, close: closes}
	e.waits = a.waiting.PushBack(e)
	a.all++
	a.open.add(from, 1)
	a.mu.Unlock()
	if oldest != nil {
		oldest.close()
	}
	return e, ""
}

// settleLocked takes a connection out of those that have not sent a name.
func (a *admission) settleLocked(e *entry) {
	if e.waits != nil {
		a.waiting.Remove(e.waits)
		e.waits = nil
	}
}

// settle notes that a connection has sent its name.
func (a *admission) settle(now time.Duration, e *entry) {
	a.mu.Lock()
	a.settleLocked(e)
	a.mu.Unlock()
	if !e.from.IsLoopback() && a.named.Allow(now, e.from) {
		a.nameless.Refund(e.from)
	}
}

// leave takes a connection out of the count.
func (a *admission) leave(e *entry) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.settleLocked(e)
	a.all--
	a.open.add(e.from, -1)
}

// hold counts a session whose connection is lost: an address has as many as it may have connections. They are counted
// apart from those, or who comes back could not get in.
func (a *admission) hold(from netip.Addr) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.held.full(from, a.perAddr) {
		return false
	}
	a.held.add(from, 1)
	return true
}

// release takes such a session out of the count.
func (a *admission) release(from netip.Addr) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.held.add(from, -1)
}
