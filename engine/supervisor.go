package engine

import (
	"errors"
	"time"
)

const (
	// suspectAfter is for how long, besides a round trip, nothing by UDP must be known to have arrived until a tunnel is
	// dialed, in case.
	suspectAfter = 400 * time.Millisecond
	// deadAfter is for how long until voice takes the tunnel: 10 probes more. Where both ways lose 30 %, all of them are lost
	// once in 800 times that one is, if nothing else comes; while we talk, receipts do. With a probe every 500 ms that is within
	// 1.8 s and a round trip of the last one that was answered.
	deadAfter = 1200 * time.Millisecond
	// neverAfter does where UDP has never been answered: from the first second of a call voice is to have a way.
	neverAfter = 500 * time.Millisecond
	// backAfter is how long UDP must be steady (backMany, backFew) until voice goes back. Each time that it is dead again
	// within calmAfter of that it doubles, up to backMost: what goes back and forth is left alone for longer.
	backAfter = 3 * time.Second
	backMost  = time.Minute
	calmAfter = time.Minute
	// backMany of the last six probes as long as voice must be answered until UDP is steady; with fewer than backFew it is
	// no more.
	backMany, backFew = 4, 2
	// tunnelDead is for how long, besides a round trip, a tunnel must be silent until another one is dialed beside it: TCP
	// sends again after ever longer pauses, so a new connection is through sooner after an outage.
	tunnelDead = time.Second
	// tunnelTry is how long an attempt may take, besides tryTrips round trips, if they are known, and twice the pause before
	// it: SYNs go out after 0 and 1 s. tunnelPause is that pause after the first one; it doubles, up to tunnelPauses.
	tunnelTry    = 1500 * time.Millisecond
	tunnelPause  = 250 * time.Millisecond
	tunnelPauses = 2 * time.Second
	// tunnelNever is that of a relay that has no tunnel.
	tunnelNever = time.Minute
	// tunnelSpare is how long a tunnel that is not needed any more is kept.
	tunnelSpare = 10 * time.Second
)

// supervisor decides which path voice takes. It is sans-IO: times are of one clock. Together with comeback, which decides
// about the control connection, it goes through these states:
//
//	connecting ──────── UDP is answered ──────> in the call, by UDP
//	    │                                          │       ^
//	    │ UDP gets no answer, or lets              │       │ UDP has been steady
//	    │ no voice through; a tunnel is open       v       │ for long enough
//	    └────────────────────────────────────> voice by tunnel
//
//	in the call, or voice by tunnel ── the control connection is lost ──> control lost, voice flows
//	control lost, voice flows <── the path in use gets an answer, or none ──> reconnecting
//	either ── SESSION ──> in the call, or voice by tunnel;   either ── comeback.failed ──> given up
//
// The tunnel is dialed as soon as UDP is in doubt, and voice moves when it is open; both are read all the time. Where there is
// no open tunnel voice goes by UDP.
type supervisor struct {
	random func() float64 // 0 to 1

	last, awake time.Duration // the look before, and since when neither we have stood still nor the relay was away
	tunnelled   bool          // voice goes by the tunnel
	steady      bool          // UDP is, since good
	good        time.Duration
	wait        time.Duration // how long it must be
	returned    time.Duration // when voice went back to UDP; 0: never

	dialing bool
	rtt     time.Duration // of the path that has the longer one
	due     time.Duration // the next attempt
	pause   time.Duration // after one that fails
	needed  time.Duration // when the tunnel was last
}

// pathState is what is known of a path.
type pathState struct {
	open     bool
	answered bool          // a probe has ever been
	silent   time.Duration // probes.silent
	every    time.Duration // interval of its probes
	heard    time.Duration // when anything came last
	rtt      time.Duration
	least    time.Duration
	shutUp   bool // probes are answered and voice is not let through
	shutDown bool
	narrow   bool // one of both was so, and probes as long as voice are not answered yet
	passed   int  // probes.passed
}

// course is what is to be done.
type course struct {
	changed bool          // voice takes another path now
	why     string        // it takes the tunnel
	dial    time.Duration // a tunnel, within that time; 0: none
	close   bool          // it is not needed any more
}

// excuse takes that the relay itself is away: that nothing answers says nothing about UDP.
func (s *supervisor) excuse(now time.Duration) { s.awake = now }

// look takes the signs of UDP, of the better of two paths, and of the tunnel. Look ten times per second.
func (s *supervisor) look(now time.Duration, udp, tunnel *pathState) (c course) {
	if now-s.last > stood {
		s.awake = now
	}
	s.last = now
	awake := now - s.awake
	silent, shut := min(udp.silent, awake), udp.shut()
	suspect := shut || silent >= suspectAfter+udp.rtt
	limit := deadAfter + udp.rtt + max(udp.every-probeEvery, 0)
	if !udp.answered {
		limit = neverAfter
	}
	dead := shut || silent >= limit
	switch {
	case udp.passed < backFew:
		s.steady = false
	case !s.steady && udp.passed >= backMany:
		s.steady, s.good = true, now
	}
	if s.tunnelled || suspect {
		s.needed = now
	}
	switch {
	case !s.tunnelled && dead && tunnel.open:
		s.enter(now)
		c.changed, c.why = true, udp.why(now)
	case s.tunnelled && s.steady && !suspect && (now-s.good >= s.wait || !tunnel.open):
		s.tunnelled, s.returned = false, now
		c.changed = true
	}
	lost := !tunnel.open || s.tunnelled && min(tunnel.silent, awake) >= tunnelDead+tunnel.rtt
	s.rtt = max(udp.rtt, tunnel.rtt)
	if (s.tunnelled || suspect) && lost && !s.dialing && now >= s.due {
		s.dialing = true
		c.dial = tunnelTry + tryTrips*s.rtt + 2*s.pause
	}
	c.close = tunnel.open && now-s.needed >= tunnelSpare
	return c
}

// enter takes that voice goes by the tunnel from now on.
func (s *supervisor) enter(now time.Duration) {
	s.wait = min(2*s.wait, backMost)
	if s.wait == 0 || s.returned == 0 || now-s.returned >= calmAfter {
		s.wait = backAfter
	}
	s.tunnelled, s.steady = true, false
}

// dialed takes what has become of an attempt.
func (s *supervisor) dialed(now time.Duration, err error) {
	s.dialing = false
	switch {
	case err == nil:
		s.pause, s.due = 0, now+tunnelDead+s.rtt
		return
	case errors.Is(err, errNoTunnel):
		s.due = now + tunnelNever
		return
	}
	s.pause = min(max(2*s.pause, tunnelPause), tunnelPauses)
	s.due = now + time.Duration((0.5+0.5*s.random())*float64(s.pause))
}

// shut tells whether voice does not get through, or did not and nothing says that it would.
func (p *pathState) shut() bool { return p.shutUp || p.shutDown || p.narrow }

// why says in a few words why UDP will not do.
func (p *pathState) why(now time.Duration) string {
	switch {
	case p.shutUp && p.shutDown, p.narrow && !p.shutUp && !p.shutDown:
		return "UDP lets only small datagrams through"
	case p.shutUp:
		return "our voice does not get through by UDP"
	case p.shutDown:
		return "others' voice does not get through by UDP"
	case p.answered && now-p.heard < suspectAfter:
		return "UDP lets nothing out"
	}
	return "UDP gets no answer"
}
