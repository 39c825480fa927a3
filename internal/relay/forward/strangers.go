package forward

import (
	"net/netip"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/rate"
)

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
type strangers struct{ *rate.Addresses }

func newStrangers(perSecond int) strangers {
	return strangers{rate.NewAddresses(time.Second/time.Duration(perSecond), time.Second)}
}

const (
	// A session's own share of looks, per datagram and saved up: twice the voice at 20 ms.
	sessionLook  = 10 * time.Millisecond
	sessionLooks = time.Second
)

// charge is for what a look at a datagram is charged.
type charge uint8

const (
	chargedNobody charge = iota
	chargedAddress
	chargedSession
)

// look charges for a look at a datagram that names s. If it is not ok the datagram must
// not be looked at.
func (t strangers) look(now time.Duration, from netip.Addr, s *Session) (c charge, ok bool) {
	if t.Allow(now, from) {
		return chargedAddress, true
	}
	return chargedSession, s.looks.Allow(now, sessionLook, sessionLooks)
}

// refund takes a charge back.
func (t strangers) refund(c charge, from netip.Addr, s *Session) {
	switch c {
	case chargedAddress:
		t.Refund(from)
	case chargedSession:
		s.looks.Refund(sessionLook)
	}
}
