package engine

import (
	"context"
	"net"
	"net/netip"
	"time"
)

const (
	// routeEvery is how often it is looked from which of our addresses a way leads to the relay, whether or not the
	// system has told of a change (watchNetwork).
	routeEvery = time.Second
	// silentPath is how long probes must have been sent in vain until another socket is tried: 12 of them. Where both
	// ways lose 30 %, all of them are lost once in 3000 times, and then that costs a round trip.
	silentPath = 1500 * time.Millisecond
	// moveEvery is how often another socket is made at most while there are no answers, and moveSoon when sending
	// fails.
	moveEvery = 2 * time.Second
	moveSoon  = 500 * time.Millisecond
	// moveSpare is the former while voice goes by the tunnel, and UDP may never come back.
	moveSpare = 15 * time.Second
	// askEvery is how often the control connection is asked for a sign of life while there are no answers by UDP, and
	// askTime how long that may take, besides round trips.
	askEvery = 3 * time.Second
	askTime  = 4 * time.Second
	// missedList is how long a list, or a talker's key, may be missing until the connection is asked, and missedTime
	// how long that may take: less, as datagrams come, and somebody is not heard meanwhile. With it a TCP that is 3 s
	// late is not given up.
	missedList = 500 * time.Millisecond
	missedTime = 3 * time.Second
	// knockAfter is how long, besides two round trips, the answer may be due until it is tried whether the relay takes
	// another connection: TCP sends again what was lost within a second (RFC 6298, section 2).
	knockAfter = time.Second
)

// roaming decides when another UDP socket is made, as the one in use leads nowhere. It is sans-IO.
type roaming struct {
	last   time.Duration // the look before
	awake  time.Duration // since when we have not stood still
	routed time.Duration // the last look at the routes
	moved  time.Duration
	barred uint64 // datagrams that had no way, at the last look
}

// pathSigns are what is known of a path to the relay.
type pathSigns struct {
	waiting bool          // a probe has no answer, nor has any since
	asked   time.Duration // when that one was sent
	word    time.Duration // when the relay, or others through it, said something last by it
	barred  uint64        // datagrams for which there was no way
	spare   bool          // voice goes another way
	stirred bool          // this machine's network has changed
}

// silent is for how long the relay has not answered.
func (s *pathSigns) silent(now time.Duration) time.Duration {
	if !s.waiting {
		return 0
	}
	return now - max(s.asked, s.word)
}

// look tells whether to look at the routes, and whether to make another socket whatever they are. Look ten times per
// second.
func (r *roaming) look(now time.Duration, s pathSigns) (route, move bool) {
	if now-r.last > stood {
		r.awake = now
	}
	r.last = now
	barred := s.barred != r.barred
	r.barred = s.barred
	switch {
	case barred && now-r.moved >= moveSoon:
		move = true
	case s.spare && now-r.moved < moveSpare:
	case min(s.silent(now), now-r.awake) >= silentPath && now-r.moved >= moveEvery:
		move = true
	}
	if move {
		r.moved = now
	}
	route = move || s.stirred || now-r.routed >= routeEvery
	if route {
		r.routed = now
	}
	return route, move
}

// pulse decides when the control connection is asked for a sign of life, and when it counts as lost: where
// nothing comes by UDP either, what breaks it may have been lost as well; where somebody talks who is in no list, the
// list may have been. It is sans-IO.
type pulse struct {
	asked   time.Duration // last
	limit   time.Duration // for the answer
	waiting bool
	knocked bool // since then
}

// pulseWord is what a pulse wants.
type pulseWord uint8

const (
	pulseCalm  pulseWord = iota
	pulseAsk             // with CLIENT_PORT
	pulseKnock           // try whether the relay takes another connection, while this one owes an answer
	pulseLost            // it is lost
)

// look takes for how long there have been no answers by UDP, for how long a list or a key has been missing, and when
// the last package came.
func (p *pulse) look(now, silent, missed, rtt, heard time.Duration) pulseWord {
	if p.waiting && heard >= p.asked {
		p.waiting = false
	}
	switch due := now - p.asked - 2*rtt; {
	case p.waiting && due >= p.limit:
		return pulseLost
	case p.waiting && due >= knockAfter && !p.knocked:
		p.knocked = true
		return pulseKnock
	case p.waiting || now-p.asked < askEvery:
	case silent >= silentPath:
		*p = pulse{asked: now, limit: askTime, waiting: true}
		return pulseAsk
	case missed >= missedList:
		*p = pulse{asked: now, limit: missedTime, waiting: true}
		return pulseAsk
	}
	return pulseCalm
}

// knock tries whether the relay takes another connection while ctl, asked then, owes an answer. If it does and there
// still is none, ctl is lost: on a path that is merely slow the answer, which takes a round trip, would have come
// before the other one's handshake, which began later and takes two.
func (c *Call) knock(ctl *control, asked time.Duration) {
	to, err := netip.ParseAddrPort(ctl.raw.RemoteAddr().String())
	if err != nil && ctl.network == nil {
		return
	}
	ctx, cancel := context.WithTimeout(c.running, askTime)
	defer cancel()
	a := c.dialer.Load().try(ctx, to.Addr().Unmap())
	if a.err == nil && c.signs.said.get() < asked {
		ctl.giveUp(errNoAnswer)
	}
	a.drop()
}

// ours tells whether an address is one of this machine's. Where that cannot be known it is.
func ours(a netip.Addr) bool {
	all, err := net.InterfaceAddrs()
	if err != nil || len(all) == 0 {
		return true
	}
	for _, b := range all {
		if n, ok := b.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(n.IP); ok && ip.Unmap() == a.Unmap().WithZone("") {
				return true
			}
		}
	}
	return false
}
