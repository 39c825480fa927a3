package engine

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tincan-voice/tincan/internal/address"
)

// lookupTime is how long the resolver may take. A call does not wait for that: see race.
const lookupTime = 10 * time.Second

// resolver finds the addresses of a name, as net.Resolver does.
type resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// dialer connects to the relay, wherever its name leads. One goroutine at a time may dial.
type dialer struct {
	cfg      Config
	relay    address.Address
	resolver resolver
	where    whereabouts

	running context.Context // ends the lookups
	end     context.CancelFunc
	lookups sync.WaitGroup
	answers [2]chan answer // of the lookups under way, by family; nil without one
}

// answer is the resolver's.
type answer struct {
	all []netip.Addr
	err error
}

// newDialer makes a dialer, which is to be closed.
func newDialer(ctx context.Context, cfg Config) (*dialer, error) {
	relay, err := address.Parse(cfg.Address)
	if err != nil {
		return nil, err
	}
	d := &dialer{cfg: cfg, relay: relay, resolver: cfg.resolver}
	if d.resolver == nil {
		d.resolver = net.DefaultResolver
	}
	if ip, err := netip.ParseAddr(relay.Host); err == nil {
		d.where.found(familyOf(ip), []netip.Addr{ip})
		d.resolver = nil
	}
	d.running, d.end = context.WithCancel(ctx)
	return d, nil
}

// close ends the lookups under way.
func (d *dialer) close() {
	d.end()
	d.lookups.Wait()
}

// ask begins the lookups that are not under way, and tells which are.
func (d *dialer) ask() (asked [2]bool) {
	if d.resolver == nil {
		return asked
	}
	for f, network := range [2]string{ipv4: "ip4", ipv6: "ip6"} {
		asked[f] = true
		select {
		case late := <-d.answers[f]: // to an earlier question
			d.answers[f] = nil
			if len(late.all) > 0 {
				d.where.found(family(f), late.all)
			}
		default:
		}
		if d.answers[f] != nil {
			continue
		}
		answers := make(chan answer, 1)
		d.answers[f] = answers
		d.lookups.Go(func() {
			ctx, cancel := context.WithTimeout(d.running, lookupTime)
			defer cancel()
			all, err := d.resolver.LookupNetIP(ctx, network, d.relay.Host)
			answers <- answer{all, err}
		})
	}
	return asked
}

// others are the relay's addresses but for one, in the order in which they are to be tried.
func (d *dialer) others(than netip.Addr) []netip.Addr {
	return slices.DeleteFunc(d.where.lineup(), func(a netip.Addr) bool { return a == than })
}

// attempt is what became of dialing one address.
type attempt struct {
	addr      netip.Addr
	ctl       *control
	connected bool // by TCP
	err       error
}

// dial connects to the first of the relay's addresses that proves to be the relay, and makes sure that it is the one
// that was met before. The resolver is asked anew each time. Of the addresses that were not waited for nothing is left
// when it returns.
func (d *dialer) dial(ctx context.Context) (*control, error) {
	if d.cfg.Network != nil {
		a := d.try(ctx, netip.Addr{})
		return a.ctl, a.err
	}
	start := time.Now()
	now := func() time.Duration { return time.Since(start) }
	trying, cancel := context.WithCancel(ctx)
	var dials sync.WaitGroup
	done := make(chan attempt, 2*mostAddresses)
	defer func() {
		cancel()
		dials.Wait()
		close(done)
		for a := range done {
			a.drop()
		}
	}()
	failure := unreached{relay: d.relay}
	r := newRace(now(), &d.where, d.ask())
	take := func(f family, a answer) {
		d.answers[f] = nil
		var dns *net.DNSError
		missing := errors.As(a.err, &dns) && dns.IsNotFound
		r.resolved(now(), f, a.all, missing)
		failure.asked(a.err, missing)
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for !r.over(now()) {
		addr, at := r.next(now())
		if addr.IsValid() {
			dials.Go(func() { done <- d.try(trying, addr) })
			continue
		}
		timer.Reset(at - now())
		select {
		case a := <-d.answers[ipv4]:
			take(ipv4, a)
		case a := <-d.answers[ipv6]:
			take(ipv6, a)
		case a := <-done:
			if a = d.check(a); a.err == nil {
				return a.ctl, nil
			}
			r.failed(now())
			failure.tried = append(failure.tried, a)
		case <-timer.C:
		case <-ctx.Done():
			dials.Wait()
			for range r.under {
				failure.tried = append(failure.tried, <-done)
			}
			failure.gaveUp(context.Cause(ctx))
			return nil, failure.result(now())
		}
	}
	return nil, failure.result(now())
}

// try dials one address, up to TLS.
func (d *dialer) try(ctx context.Context, addr netip.Addr) attempt {
	if d.cfg.Network != nil {
		return d.cfg.Network.try(ctx)
	}
	plain := net.Dialer{KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 3,
	}}
	start := time.Now()
	conn, err := plain.DialContext(ctx, "tcp", netip.AddrPortFrom(addr, uint16(d.relay.Port)).String())
	if err != nil {
		return attempt{addr: addr, err: err}
	}
	ctl := &control{conn: conn, raw: conn, took: time.Since(start)}
	if !d.cfg.Plaintext {
		secured := tls.Client(conn, tlsTo(d.host()))
		if err := secured.HandshakeContext(ctx); err != nil {
			conn.Close()
			return attempt{addr: addr, connected: true, err: err}
		}
		ctl.conn, ctl.relay = secured, look(secured.ConnectionState(), d.host(), d.cfg.roots)
	}
	return attempt{addr: addr, ctl: ctl, connected: true}
}

// host is the relay's as certificates have it: without the dot at the end of a name, and the zone of an address.
func (d *dialer) host() string {
	host, _, _ := strings.Cut(strings.TrimSuffix(d.relay.Host, "."), "%")
	return host
}

// check makes sure that a relay that was reached is the one that was meant.
func (d *dialer) check(a attempt) attempt {
	if a.err != nil || d.cfg.Plaintext {
		return a
	}
	path, err := d.cfg.knownRelays()
	if err == nil {
		a.ctl.trust, err = known{path, d.relay.Key()}.check(a.ctl.relay, d.cfg.Fingerprint, d.cfg.vouched)
	}
	if err != nil {
		a.drop()
		a.err = err
	}
	return a
}

// drop closes a connection that is not used.
func (a *attempt) drop() {
	if a.ctl != nil {
		a.ctl.raw.Close()
	}
}
