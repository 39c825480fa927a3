package engine

import (
	"errors"
	"fmt"
	"io"
	"syscall"
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

const (
	// firstTry is within what time after the loss of the control connection the relay is dialed, and retryMost within
	// what time after an attempt that failed at most; in between that doubles. When in that time is up to chance (full
	// jitter), so that the clients of a relay that was restarted come one by one.
	firstTry  = 200 * time.Millisecond
	retryMost = 3 * time.Second
	// retryLeast is how long after one attempt has failed the next one begins at least.
	retryLeast = 100 * time.Millisecond
	// tryTime is how long an attempt may take, and tryTrips how many round trips besides: of TCP, TLS and the greeting.
	// SYNs go out after 0, 1 and 3 s.
	tryTime  = 5 * time.Second
	tryTrips = 6
	// tryStuck is how old an attempt must be to be broken off when there is news of the way to the relay.
	tryStuck = 500 * time.Millisecond
	// refusedFor is how long the relay must have refused us, at every attempt, until that is believed: one that was
	// just started, or is about to stop, may be full or closing.
	refusedFor = 15 * time.Second
	// sayAgain is how long after the loss it is said again. Then that doubles, up to sayMost.
	sayAgain = 4 * time.Second
	sayMost  = time.Minute
)

// comeback decides what becomes of the control connection of a call when it is lost. It is sans-IO: times are of one clock.
//
//	               lost                       no answers on the path
//	in the call ─────────> control lost, ───────────────────────> reconnecting ──┐ an attempt fails:
//	     ^                 voice flows   <───────────────────────   │    │  ^    │ wait, longer and longer
//	     │                     │       an answer on the path        │    │  └────┘
//	     └────── SESSION ──────┴────────────────────────────────────┘    v
//	                                                                  given up: refused, another certificate,
//	                                                                  or away for longer than Config.GiveUp
//
// While the control connection is lost it is taken for granted that no voice flows, until an answer on the path that it
// takes (supervisor), to something sent since, proves that it does. Attempts are made in both states.
type comeback struct {
	giveUp time.Duration  // 0: never
	random func() float64 // 0 to 1

	sent      netproto.ServerClose // where a relay has sent us last, by address; none: home, which is Config.Address
	elsewhere bool                 // the last attempt went there
	at        string               // where the session is from: an address that we were sent to, "" for home

	away    bool
	since   time.Duration // the loss
	reason  string        // why it was lost, or why the last attempt failed
	voice   bool          // flows, as was said
	tries   int           // since the loss
	began   time.Duration // the last attempt
	trying  bool          // it is under way
	due     time.Duration // the next one
	refused time.Duration // since when it has refused us at every attempt; -1: it has not
	say     time.Duration // it is said again

	count int           // how often it came back
	total time.Duration // away, before
}

// lost takes that the connection is lost, and why.
func (b *comeback) lost(now time.Duration, err error) {
	b.away, b.since, b.reason = true, now, reasonOf(err)
	b.voice, b.tries, b.refused, b.elsewhere = false, 0, -1, false
	b.due = now + time.Duration(b.random()*float64(firstTry))
	b.say = now
}

// sentTo takes where a relay that ends sends us: unless that leads somewhere it is the same one.
func (b *comeback) sentTo(p netproto.ServerClose) {
	if leads(p) {
		b.sent = p
	}
}

// try begins an attempt, when it is due, and returns how long it may take, and where it goes: in turns to where we were
// sent and home.
func (b *comeback) try(now, rtt time.Duration) (limit time.Duration, to netproto.ServerClose) {
	b.tries++
	b.began, b.trying = now, true
	if b.elsewhere = b.sent.Relay != "" && !b.elsewhere; b.elsewhere {
		to = b.sent
	}
	return tryTime + tryTrips*rtt, to
}

// failed takes why an attempt failed. If that will not go away it returns the error that the call ends with.
func (b *comeback) failed(now time.Duration, err error) (final error) {
	b.trying = false
	b.reason = reasonOf(err)
	var closed *serverClosed
	var changed *CertificateChangedError
	wrong := errors.As(err, &changed) || errors.Is(err, errNotVouched) || errors.Is(err, ErrNoVoice)
	switch {
	case errors.As(err, &closed) && leads(closed.ServerClose):
		b.sentTo(closed.ServerClose)
	case b.elsewhere:
		if wrong {
			b.sent = netproto.ServerClose{}
		}
	case wrong:
		return err
	case !errors.Is(err, ErrRefused):
		b.refused = -1
	case b.refused < 0:
		b.refused = now
	case now-b.refused >= refusedFor:
		return err
	}
	if away := now - b.since; b.giveUp > 0 && away >= b.giveUp {
		return fmt.Errorf("%w for %v: %w", ErrConnectionLost, away.Round(time.Second), err)
	}
	most := min(firstTry<<min(b.tries, 8), retryMost)
	b.due = now + retryLeast + time.Duration(b.random()*float64(most-retryLeast))
	return nil
}

// news takes that there is reason to dial at once: an answer by UDP, a tunnel that has opened, another address of ours. It
// tells whether an attempt under way may be broken off, as it may wait for something that was sent before.
func (b *comeback) news(now time.Duration) (breakOff bool) {
	if !b.away {
		return false
	}
	b.due = min(b.due, now)
	return b.trying && now-b.began >= tryStuck
}

// back takes that the relay has let us in again.
func (b *comeback) back(now time.Duration) (gap time.Duration) {
	gap = now - b.since
	b.away, b.trying, b.reason = false, false, ""
	b.count++
	b.total += gap
	if !b.elsewhere {
		b.sent = netproto.ServerClose{}
	}
	b.at = b.sent.Relay
	return gap
}

// moved takes that we have gone to the next relay before the old one was lost.
func (b *comeback) moved() {
	b.count++
	b.at = b.sent.Relay
}

// look takes whether answers prove that voice flows, and returns what is to be said at now, if anything.
func (b *comeback) look(now time.Duration, voice bool) (e Reconnecting, ok bool) {
	if !b.away || voice == b.voice && now < b.say {
		return e, false
	}
	b.voice = voice
	if now >= b.say {
		b.say = now + min(max(now-b.since, sayAgain), sayMost)
	}
	return Reconnecting{Reason: b.reason, Since: now - b.since, Voice: voice}, true
}

// relayAway tells whether it is away as the relay is, and not the network.
func (b *comeback) relayAway() bool {
	return b.away && b.reason != errNoAnswer.Error() && b.reason != errMoved.Error() && b.reason != unreachable
}

// stats are how often it came back, how long it was away in all, and why it is away now.
func (b *comeback) stats(now time.Duration) (count int, total time.Duration, reason string) {
	total = b.total
	if b.away {
		total += now - b.since
	}
	return b.count, total, b.reason
}

const unreachable = "the network is unreachable"

// Why a control connection is given up before it breaks.
var (
	errNoAnswer    = errors.New("the relay does not answer")
	errMoved       = errors.New("our address has changed")
	errNoDatagrams = errors.New("no datagrams come back from the relay's address")
)

// reasonOf says in a few words why a connection was lost or cannot be made.
func reasonOf(err error) string {
	for _, known := range []error{errNoAnswer, errMoved, errNoDatagrams} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	switch {
	case is(err, ErrServerClosed, ErrRefused):
		return err.Error()
	case timedOut(err):
		return errNoAnswer.Error()
	case is(err, syscall.ECONNREFUSED):
		return "no relay runs there"
	case is(err, noWay...):
		return unreachable
	case is(err, io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE):
		return "the relay closed the connection"
	}
	return err.Error()
}
