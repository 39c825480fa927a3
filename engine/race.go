package engine

import (
	"net/netip"
	"slices"
	"sync"
	"time"
)

const (
	// attemptDelay is for how long one address is tried alone before the next one is tried beside it, and
	// resolutionDelay for how long one family waits for the resolver's word on the other (RFC 8305, sections 5 and 3).
	attemptDelay    = 250 * time.Millisecond
	resolutionDelay = 50 * time.Millisecond
	// staleAfter is for how long an address may be silent where another one has refused: TCP has sent two SYNs by then.
	staleAfter = 1500 * time.Millisecond
	// mostAddresses bounds what a name leads to.
	mostAddresses = 8
	// never is later than all that happens.
	never = time.Duration(1<<63 - 1)
)

// family is that of an address.
type family int

const (
	ipv4 family = iota
	ipv6
)

func familyOf(a netip.Addr) family {
	if a.Is4() {
		return ipv4
	}
	return ipv6
}

// whereabouts is what is known of the relay's addresses. Its methods may be called from any goroutine. It is sans-IO.
type whereabouts struct {
	mu    sync.Mutex
	known [2][]netip.Addr // as the resolver told last, by family
	works netip.Addr      // datagrams came back from there last
	deaf  []netip.Addr    // those that took a connection while no datagrams came back
}

// found takes what the resolver says of a family.
func (w *whereabouts) found(f family, all []netip.Addr) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var known []netip.Addr
	for _, a := range all {
		if a = a.Unmap(); !slices.Contains(known, a) {
			known = append(known, a)
		}
	}
	w.known[f] = known[:min(len(known), mostAddresses/2)]
}

// second are the ranges of IPv6 that stand behind IPv4 (RFC 6724, section 2.1), as they lead less far or less well.
var second = []netip.Prefix{
	netip.MustParsePrefix("fc00::/7"), netip.MustParsePrefix("2001::/32"), netip.MustParsePrefix("2002::/16"),
}

// lineup is all addresses in the order in which they are to be tried: where datagrams came back, then the families in
// turn (RFC 8305, section 4), and in the end where none came back.
func (w *whereabouts) lineup() []netip.Addr {
	w.mu.Lock()
	defer w.mu.Unlock()
	families := [2]family{ipv6, ipv4}
	if v6 := w.known[ipv6]; len(v6) > 0 && slices.ContainsFunc(second, func(p netip.Prefix) bool { return p.Contains(v6[0]) }) {
		families = [2]family{ipv4, ipv6}
	}
	var line []netip.Addr
	for i := range mostAddresses / 2 {
		for _, f := range families {
			if i < len(w.known[f]) {
				line = append(line, w.known[f][i])
			}
		}
	}
	slices.SortStableFunc(line, func(a, b netip.Addr) int { return w.rankLocked(a) - w.rankLocked(b) })
	return line
}

func (w *whereabouts) rankLocked(a netip.Addr) int {
	switch {
	case a == w.works:
		return 0
	case slices.Contains(w.deaf, a):
		return 2
	}
	return 1
}

// answers takes that datagrams come back from an address.
func (w *whereabouts) answers(a netip.Addr) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.works = a
	w.deaf = slices.DeleteFunc(w.deaf, func(d netip.Addr) bool { return d == a })
}

// silent takes that an address took a connection and no datagrams came back. It reports whether there are others of
// which that is not known.
func (w *whereabouts) silent(a netip.Addr) (others bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Contains(w.deaf, a) {
		w.deaf = append(w.deaf, a)
	}
	for _, known := range w.known {
		others = others || slices.ContainsFunc(known, func(k netip.Addr) bool { return !slices.Contains(w.deaf, k) })
	}
	return others
}

// moved takes that our own network is another one.
func (w *whereabouts) moved() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.deaf = nil
}

// race decides which of the relay's addresses is dialed when (RFC 8305). Addresses that are known from before are
// dialed even if the resolver does not answer. It is sans-IO.
type race struct {
	where   *whereabouts
	asked   [2]bool // the resolver has yet to answer
	missing [2]bool // it says that there is no such address
	patient bool    // without the resolver there is nothing to dial
	begun   []netip.Addr
	under   int           // attempts under way
	ready   time.Duration // nothing begins before
	refused bool          // an attempt has failed
}

// newRace begins at now. asked are the families that the resolver is asked for.
func newRace(now time.Duration, where *whereabouts, asked [2]bool) *race {
	r := &race{where: where, asked: asked, ready: now, patient: len(where.lineup()) == 0}
	switch {
	case r.patient:
		r.ready = never
	case asked[ipv4] || asked[ipv6]:
		r.ready += attemptDelay
	}
	return r
}

// resolved takes the answer of the resolver: addresses, that there are none, or, with neither, that it failed.
func (r *race) resolved(now time.Duration, f family, all []netip.Addr, missing bool) {
	other := 1 - f
	r.asked[f], r.missing[f] = false, missing
	found := len(all) > 0
	if found {
		r.where.found(f, all)
	}
	for g := range r.missing { // a name that has addresses of one family only has lost those of the other
		if r.missing[g] && !r.asked[1-g] && !r.missing[1-g] && (found || family(g) == f) {
			r.where.found(family(g), nil)
		}
	}
	switch {
	case len(r.begun) > 0:
	case !r.asked[other]:
		r.ready = min(r.ready, now)
	case found:
		r.ready = min(r.ready, now+resolutionDelay)
	}
}

// next is the address to be dialed now, or, if there is none, when to ask again.
func (r *race) next(now time.Duration) (a netip.Addr, at time.Duration) {
	line := r.line()
	if len(line) == 0 {
		return a, r.stale()
	}
	if now < r.ready {
		return a, r.ready
	}
	r.begun = append(r.begun, line[0])
	r.under++
	r.ready = now + attemptDelay
	return line[0], now
}

// line is what has not been dialed.
func (r *race) line() []netip.Addr {
	return slices.DeleteFunc(r.where.lineup(), func(a netip.Addr) bool { return slices.Contains(r.begun, a) })
}

// failed takes that an attempt has failed: the next one begins at once.
func (r *race) failed(now time.Duration) {
	r.under--
	r.ready = min(r.ready, now)
	r.refused = true
}

// stale is when the attempts under way are not waited for any longer, as one that has failed may succeed by now: the
// relay is being started again, say, and its other address is dead.
func (r *race) stale() time.Duration {
	if r.patient || !r.refused || r.under == 0 || len(r.line()) > 0 {
		return never
	}
	return r.ready + staleAfter
}

// over tells whether there is nothing left to wait for.
func (r *race) over(now time.Duration) bool {
	return now >= r.stale() || r.under == 0 && len(r.line()) == 0 && !(r.patient && (r.asked[ipv4] || r.asked[ipv6]))
}
