package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/tincan-voice/tincan/internal/address"
)

// unreached says in words why the relay cannot be reached, and what to do. It is all errors that led there.
type unreached struct {
	relay  address.Address
	tried  []attempt // that failed
	lookup error     // the resolver's, if it gave no address
	cause  error     // why it was given up, nil if everything had failed
	after  time.Duration
}

// asked takes what the resolver says. That it fails weighs more than that there is no address of one family.
func (u *unreached) asked(err error, missing bool) {
	if u.lookup == nil || !missing {
		u.lookup = err
	}
}

// gaveUp takes why no attempt is waited for any more.
func (u *unreached) gaveUp(cause error) {
	u.cause = cause
	for i := range u.tried {
		a := &u.tried[i]
		a.drop()
		if a.err == nil {
			a.err = cause
		}
	}
}

// result is the error to be returned after such a time: where a relay was reached that must not be used, that.
func (u *unreached) result(after time.Duration) error {
	u.after = after
	for _, a := range u.tried {
		if changed := (*CertificateChangedError)(nil); errors.As(a.err, &changed) || errors.Is(a.err, ErrKnownRelays) {
			return a.err
		}
	}
	return u
}

// Unwrap returns the errors, those of the resolver only where no address was tried.
func (u *unreached) Unwrap() []error {
	var all []error
	for _, a := range u.tried {
		all = append(all, a.err)
	}
	if len(all) == 0 && u.lookup != nil {
		all = append(all, u.lookup)
	}
	if u.cause != nil {
		all = append(all, u.cause)
	}
	return all
}

// Error says what is wrong, once for all addresses of which it holds, and what to do.
func (u *unreached) Error() string {
	start := fmt.Sprintf("cannot reach the relay at %s: ", u.relay)
	if len(u.tried) == 0 {
		return start + u.noAddress()
	}
	var all []trouble
	who := map[trouble][]string{}
	for _, a := range u.tried {
		t := u.troubleOf(a)
		if who[t] == nil {
			all = append(all, t)
		}
		who[t] = append(who[t], a.addr.String())
	}
	what := make([]string, len(all))
	for i, t := range all {
		what[i] = t.what
		if len(u.tried) > 1 || u.named() {
			what[i] += t.by + strings.Join(who[t], " and ")
		}
		what[i] += t.more
	}
	return start + strings.Join(what, ", ") + "; " + all[0].todo
}

// named tells whether the relay was given by name.
func (u *unreached) named() bool {
	_, err := netip.ParseAddr(u.relay.Host)
	return err != nil
}

// trouble is what is wrong with addresses, which go between by and more, and what to do.
type trouble struct{ what, by, more, todo string }

func (u *unreached) troubleOf(a attempt) trouble {
	port := u.relay.Port
	after := fmt.Sprintf(" for %.0f s", u.after.Seconds())
	switch {
	case is(a.err, syscall.EMFILE, syscall.ENFILE):
		return trouble{"too many open files", " for ", "", moreFiles}
	case timedOut(a.err) && a.connected:
		return trouble{"a connection, but no answer", " from ", after,
			fmt.Sprintf("is a tincan relay there, or does a firewall hold up what goes through TCP port %d?", port)}
	case timedOut(a.err):
		return trouble{"no answer", " from ", after,
			fmt.Sprintf("is the relay running, and is TCP port %d open on the way (firewalls, routers)?", port)}
	case is(a.err, syscall.ECONNREFUSED):
		return trouble{"connection refused", " by ", "", fmt.Sprintf("is the relay running, and is %d its port?", port)}
	case noInterface(a.addr):
		return trouble{fmt.Sprintf("there is no network interface %q here", a.addr.Zone()), " for ", "", "correct what follows the %"}
	case is(a.err, noWay...):
		return trouble{"no way to the network", " of ", "", "is this machine connected to a network that leads there?"}
	case a.connected:
		return trouble{"no TLS", " from ", " (" + a.err.Error() + ")", "is a tincan relay there?"}
	}
	return trouble{a.err.Error(), " for ", "", "is the address right?"}
}

// moreFiles is what to do where no file can be opened.
const moreFiles = "raise their number (ulimit -n)"

// noInterface tells whether an address names a network interface that this machine does not have.
func noInterface(a netip.Addr) bool {
	if a.Zone() == "" {
		return false
	}
	_, err := net.InterfaceByName(a.Zone())
	return err != nil
}

// noAddress says why there is no address to be tried.
func (u *unreached) noAddress() string {
	host := u.relay.Host
	var dns *net.DNSError
	switch {
	case errors.Is(u.cause, context.Canceled):
		return "given up"
	case u.lookup == nil, timedOut(u.lookup):
		return fmt.Sprintf("no name server says where %s is; is this machine connected to a network? Or give the relay's IP address", host)
	case errors.As(u.lookup, &dns) && dns.IsNotFound:
		return fmt.Sprintf("there is no host named %s; check the spelling, or give the relay's IP address", host)
	case is(u.lookup, syscall.EMFILE, syscall.ENFILE):
		return "too many open files; " + moreFiles
	}
	why := u.lookup.Error()
	if dns != nil {
		why = dns.Err
	}
	return fmt.Sprintf("the name server fails to say where %s is (%s); is this machine connected to a network? Try again later, or give the relay's IP address", host, why)
}

// notLetIn says that the relay took a connection and then did not let us in. It is why that was given up.
type notLetIn struct {
	relay net.Addr
	cause error
}

// Error says what is wrong, and what to do.
func (u *notLetIn) Error() string {
	return fmt.Sprintf("%s has taken the connection, but not let us in in time; is a tincan relay there, or is it overloaded?", u.relay)
}

// Unwrap returns why it was given up.
func (u *notLetIn) Unwrap() error { return u.cause }

// noWay are the errors of a network that does not lead there.
var noWay = []error{syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.ENETDOWN, syscall.EADDRNOTAVAIL}

// is tells whether err is one of all.
func is(err error, all ...error) bool {
	for _, e := range all {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func timedOut(err error) bool {
	var timeout net.Error
	return is(err, context.DeadlineExceeded, os.ErrDeadlineExceeded, context.Canceled, syscall.ETIMEDOUT) ||
		errors.As(err, &timeout) && timeout.Timeout()
}
