package engine

import (
	"context"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/netproto/wire"
)

const (
	// scoutLate is for how long a path that has worked must be silent until the relay's other addresses are asked: 8
	// probes. Where both ways lose 30 %, all of them are lost once in 200 times, and that costs some datagrams.
	scoutLate = time.Second
	// scoutTime is how long a scout waits for an answer besides two round trips, and scoutAgain how often it asks.
	scoutTime  = time.Second
	scoutAgain = 200 * time.Millisecond
	// scoutRounds is how often all have been asked in vain until an address from which no datagram ever came is left
	// for another one, connection and all.
	scoutRounds = 2
)

// scouting decides when the relay's other addresses are asked whether datagrams come through there: TCP may have led to
// one where they do not. It is sans-IO.
type scouting struct {
	to     netip.AddrPort // where datagrams go
	since  time.Duration
	until  time.Duration // the round under way, or the last one, ends
	rounds int           // since the last sign of life
	barred bool          // no way led there, at the last look
}

// scoutSigns are what is known of the path in use.
type scoutSigns struct {
	to     netip.AddrPort
	silent time.Duration // for how long
	proof  time.Duration // when what was answered last was sent
	barred bool          // no way leads there
	rtt    time.Duration // about, 0 = not known
	others int           // addresses that could be asked
}

// look tells whether to ask the others, and whether datagrams have come back on the path in use.
func (s *scouting) look(now time.Duration, p scoutSigns) (ask, works bool) {
	if p.to != s.to {
		s.to, s.since, s.rounds = p.to, now, 0
		p.barred = false // that was the other one
	}
	works = p.proof > s.since
	s.barred = p.barred
	late := attemptDelay + 2*p.rtt
	switch {
	case p.barred:
		late = 0
	case works:
		late = scoutLate
	}
	if p.silent == 0 && !p.barred {
		s.rounds = 0
	}
	if p.others == 0 || p.silent < late || p.silent == 0 && !p.barred || now < s.until {
		return false, works
	}
	s.rounds++
	s.until = now + time.Duration(p.others-1)*attemptDelay + scoutTime + 2*p.rtt
	return true, works
}

// spent tells whether all have been asked in vain, so often that something else must be done.
func (s *scouting) spent() bool { return s.rounds > scoutRounds }

// tendAddresses asks the relay's other addresses where the one in use leads nowhere. It reports whether the control
// connection is to be made anew, by another address.
func (c *Call) tendAddresses(now time.Duration, l *link, ctl *control, signs scoutSigns) (leave bool) {
	to := l.to.Load()
	others := c.dialer.Load().others(to.Addr())
	signs.to, signs.others, signs.rtt = to.AddrPort, len(others), max(signs.rtt, ctl.took)
	ask, works := c.scouting.look(now, signs)
	if works && signs.silent == 0 {
		c.dialer.Load().where.answers(to.Addr())
	}
	if ask {
		var found atomic.Bool
		for i, a := range others {
			other := &destination{AddrPort: netip.AddrPortFrom(a, to.Port()), overhead: wire.Overhead(a), tcp: to.tcp, relay: to.relay}
			s := scout{link: l, was: to, to: other, end: c.scouting.until, barred: signs.barred, found: &found}
			c.loops.Go(func() {
				if c.sleep(time.Duration(i) * attemptDelay) {
					c.scout(&s)
				}
			})
		}
	}
	return !works && c.scouting.spent() && c.dialer.Load().where.silent(to.Addr())
}

// scout is one address that is asked.
type scout struct {
	link    *link
	was, to *destination
	barred  bool // no way leads to the one in use
	end     time.Duration
	found   *atomic.Bool // one of the round has had an answer
}

// scout asks the relay for a sign of life at another address, and takes the way there into use if it is the first one
// to answer while the one in use does not.
func (c *Call) scout(s *scout) {
	conn, err := s.to.dial()
	if err != nil {
		return
	}
	stop := context.AfterFunc(c.running, func() { conn.Close() })
	defer stop()
	buf := make([]byte, netproto.MaxDatagram)
	l := s.link
	for c.now() < s.end && !s.found.Load() && c.running.Err() == nil {
		asked := c.now()
		if c.allow(asked, probeSize) {
			_, _ = conn.Write(l.seal(netproto.TypeProbe, netproto.AppendProbe(nil, netproto.Probe{Time: uint32(asked.Microseconds())})))
		}
		_ = conn.SetReadDeadline(time.Now().Add(scoutAgain))
		n, err := conn.Read(buf)
		h, bad := netproto.ParseHeader(buf[:n])
		body, forged := l.down.Open(nil, buf[:n])
		if err != nil || bad != nil || forged != nil || h.Session != l.session {
			c.sleep(asked + scoutAgain - c.now())
			continue
		}
		_ = conn.SetReadDeadline(time.Time{})
		now := c.now()
		if !s.found.CompareAndSwap(false, true) || !s.barred && c.unheard(now) == 0 || !c.lead(l, conn, s.was, s.to) {
			break
		}
		p := &c.paths[PathUDP]
		c.probing.Lock()
		p.probes.elsewhere()
		c.probing.Unlock()
		p.heard.at(now)
		if h.Type == netproto.TypeChallenge {
			c.answer(now, p, l, body)
		}
		c.probeBy(now, p, false)
		return
	}
	conn.Close()
}

// unheard is for how long the relay has not answered by UDP. That others' voice comes all the same does not count: it
// says nothing of the way there.
func (c *Call) unheard(now time.Duration) time.Duration {
	c.probing.Lock()
	defer c.probing.Unlock()
	return c.paths[PathUDP].probes.silent(now)
}
