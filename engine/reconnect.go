package engine

import (
	"context"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

// keepControl takes the relay's packages and keeps up a connection for them, until the call ends.
func (c *Call) keepControl() {
	for ctl := c.control.get(); ctl != nil; {
		m, why, final := c.readControl(ctl)
		next := m.end()
		if final || c.running.Err() != nil {
			if next != nil {
				next.Close()
			}
			c.stop(why) // of no effect if the call was ended
			return
		}
		if next != nil {
			if why = c.changeOver(ctl, next); why == nil {
				ctl = next.ctl
				continue
			}
		}
		ctl.giveUp(why)
		if ctl, why = c.reconnect(why); ctl == nil {
			c.stop(why)
		}
	}
}

// readControl takes the relay's packages until the connection is lost, it is time to change over, or, final, the relay
// ends the call. m is the move that has begun meanwhile, nil for none.
func (c *Call) readControl(ctl *control) (m *move, why error, final bool) {
	for {
		p, err := ctl.next()
		if err != nil {
			return m, ctl.lost(err), false
		}
		c.signs.said.at(c.now())
		if closing, ok := p.(netproto.ServerClose); ok { // a relay that closes comes back, or another one takes its place
			to := c.sentTo(closing)
			if closing.Time == 0 {
				return m, ending(p), false
			}
			if m == nil {
				m = c.startMove(ctl, closing, to)
			}
			continue
		}
		if err := ending(p); err != nil {
			return m, err, true
		}
		switch p := p.(type) {
		case netproto.SendNewUsers:
			c.setUsers(p)
		case netproto.Session:
			if p.Session == c.session.Session && p.Resume != "" {
				c.session.Resume = p.Resume
			}
			c.setKeys(p.Keys)
			if p.Recorders != nil {
				c.setRecorders(p.Recorders)
			}
			c.silence(p.Mute)
		case netproto.UnknownError:
			c.events.add(RelayComplained{p.Reason})
		}
	}
}

// reconnect dials the relay until it lets us in again. Without a connection it returns why the call is at its end.
func (c *Call) reconnect(why error) (*control, error) {
	now := c.now()
	c.returning.Lock()
	c.comeback.lost(now, why)
	away, _ := c.comeback.look(now, false)
	c.events.add(away)
	c.returning.Unlock()
	for entries := map[string]entry{}; c.awaitTry(); {
		ctl, hello, err := c.try(entries)
		var resumed bool
		if err == nil {
			resumed, err = c.takeOver(ctl, hello)
		}
		now := c.now()
		c.returning.Lock()
		if err == nil {
			c.events.add(Reconnected{Gap: c.comeback.back(now), Resumed: resumed, Session: hello.session.Session})
			c.returning.Unlock()
			c.setRoom(hello)
			return ctl, nil
		}
		final := c.comeback.failed(now, err)
		c.returning.Unlock()
		if final != nil {
			return nil, final
		}
	}
	return nil, context.Cause(c.running)
}

// awaitTry waits until an attempt is due, and reports whether the call still goes on.
func (c *Call) awaitTry() bool {
	for c.running.Err() == nil {
		c.returning.Lock()
		left := c.comeback.due - c.now()
		c.returning.Unlock()
		if left <= 0 {
			return true
		}
		timer := time.NewTimer(left)
		select {
		case <-timer.C:
		case <-c.hurry:
		case <-c.running.Done():
		}
		timer.Stop()
	}
	return false
}

// try is one attempt.
func (c *Call) try(entries map[string]entry) (*control, welcome, error) {
	rtt := c.roundTrip()
	c.returning.Lock()
	limit, to := c.comeback.try(c.now(), rtt)
	was := c.session
	if to.Relay != c.comeback.at {
		was = netproto.Session{} // what proves the session is for the relay that has it
	}
	ctx, cancel := context.WithTimeout(c.running, limit)
	c.breakOff = cancel
	c.returning.Unlock()
	defer cancel()
	d, err := c.dialerTo(to)
	if err != nil {
		return nil, welcome{}, err
	}
	e, ok := entries[to.Relay]
	if !ok { // what is brought to one relay is no other's to know
		e = c.cfg.newEntry()
		entries[to.Relay] = e
	}
	ctl, hello, err := enter(ctx, d, was, e)
	if err == nil {
		c.uses(d)
	} else if d != c.home && d != c.dialer.Load() {
		d.close()
	}
	return ctl, hello, err
}

// takeOver takes a connection into use, and the session that it brings: the one that was, or another. With an error it
// is closed.
func (c *Call) takeOver(ctl *control, hello welcome) (resumed bool, err error) {
	was, s := c.link.Load(), hello.session
	resumed = s.Session == was.session && netproto.HopKey(s.HopKey) == was.hop
	if resumed {
		err = c.resumed(ctl, was, s)
	} else {
		err = c.replaced(ctl, hello)
	}
	if err == nil {
		err = ctl.sendPort(c.clientPort(nil))
	}
	switch {
	case err != nil && resumed:
		ctl.giveUp(err)
		return true, gone(err)
	case err != nil:
		ctl.Close() // with a word, so that the relay does not keep that session
		return false, gone(err)
	}
	if !c.control.hold(ctl) {
		return resumed, ctl.Close() // the call has ended
	}
	c.signs.said.at(c.now())
	c.probeBy(c.now(), c.inUse(), false)
	return resumed, nil
}

// resumed goes on with the session that was: keys, counters and talkers are as before.
func (c *Call) resumed(ctl *control, l *link, s netproto.Session) error {
	to, err := whereIs(ctl, s)
	if err != nil {
		return err
	}
	// Another of the relay's addresses: datagrams go there too, unless they come back from where they go now.
	if was := l.to.Load(); to.AddrPort != was.AddrPort && c.unheard(c.now()) > attemptDelay+2*ctl.took {
		conn, err := to.dial()
		if err != nil {
			return err
		}
		c.lead(l, conn, was, to)
	} else {
		l.to.CompareAndSwap(was, &destination{was.AddrPort, was.overhead, to.tcp, to.relay, to.network})
	}
	c.hearing.Lock()
	c.roster.resume()
	c.hearing.Unlock()
	c.session = s
	return nil
}

// replaced begins another session, as the relay has forgotten the one that was.
func (c *Call) replaced(ctl *control, hello welcome) error {
	l, err := newLink(ctl, hello.session, c.link.Load().traffic)
	if err != nil {
		return err
	}
	conn, err := l.to.Load().dial()
	if err != nil {
		return err
	}
	return c.begins(l, conn, hello)
}

// begins takes another session into use, and a socket to its relay: all others have left, and are told of anew. Numbers
// go on (traffic, stream.Packetizer.Renew), as do mute, volumes, caps and devices.
func (c *Call) begins(l *link, conn DatagramConn, hello welcome) error {
	rtt, now := c.roundTrip(), c.now()
	c.session = hello.session
	c.attendance = c.cfg.newAttendance(l.session, hello.entry)
	c.talking.Lock()
	c.sender.Talker().Renew(l.session)
	c.sender.Talker().SetTag(l.tag)
	c.talking.Unlock()
	c.link.Store(l)
	if !c.read(&c.paths[PathUDP], l, newUDP(conn, l.to.Load())) {
		return nil // the call has ended
	}
	c.paths[PathTunnel].move(nil)
	c.paths[PathAlso].move(nil)
	c.hearing.Lock()
	events := c.leaveLocked(now, rtt, slices.Sorted(maps.Keys(c.roster.names)))
	c.roster.renew()
	c.listener.Renew()
	c.hearing.Unlock()
	c.probing.Lock()
	for i := range c.paths {
		c.paths[i].probes.renew()
	}
	c.probing.Unlock()
	c.signs.renew(now)
	c.listed(now, 0, events)
	return nil
}

// signsOf are what is known of a path for those who decide about sockets and connections.
func (c *Call) signsOf(p *path) pathSigns {
	c.probing.Lock()
	defer c.probing.Unlock()
	return pathSigns{waiting: p.probes.waiting, asked: p.probes.since, word: p.heard.get(), barred: p.barred.Load()}
}

// tendControl makes another socket where the one in use leads nowhere, asks whether the control connection still works,
// and says what has changed while it is lost.
func (c *Call) tendControl(now time.Duration) {
	l, ctl, p := c.link.Load(), c.control.get(), c.inUse()
	signs := c.signsOf(&c.paths[PathUDP])
	signs.spare, signs.stirred = p.kind == PathTunnel, c.stirred.Swap(false)
	moved, barred := false, c.scouting.barred
	if route, move := c.roaming.look(now, signs); route {
		moved, barred = c.route(now, l, move)
	}
	if moved {
		c.dialer.Load().where.moved()
	}
	if c.cfg.Also != "" {
		c.tendAlso(now, l)
	}
	c.probing.Lock()
	udp := &c.paths[PathUDP].probes
	scouts := scoutSigns{silent: udp.silent(now), proof: udp.proof, barred: barred, rtt: udp.rtt.Value()}
	proof, alive, rtt := p.probes.proof, p.probes.alive(now), p.probes.rtt.Value()
	c.probing.Unlock()
	leave := c.tendAddresses(now, l, ctl, scouts) && p.kind == PathUDP // else voice flows
	signs = c.signsOf(p)

	c.returning.Lock()
	away := c.comeback.away
	e, tell := c.comeback.look(now, proof >= c.comeback.since && alive)
	if tell && e.Voice || moved {
		if c.comeback.news(now) {
			c.breakOff()
		}
		c.hasten()
	}
	if tell {
		c.events.add(e)
	}
	c.returning.Unlock()
	if away {
		return
	}
	word := c.pulse.look(now, signs.silent(now), c.strange(now), rtt, c.signs.said.get())
	switch {
	case word == pulseLost:
		ctl.giveUp(errNoAnswer)
	case (moved || barred) && !ours(addrOf(ctl)):
		ctl.giveUp(errMoved)
	case leave:
		ctl.giveUp(errNoDatagrams)
	case word == pulseAsk && ctl.sendPort(c.clientPort(nil)) != nil:
		ctl.giveUp(errNoAnswer)
	case word == pulseKnock:
		asked := c.pulse.asked
		c.loops.Go(func() { c.knock(ctl, asked) })
	}
	c.settleUsers(now)
}

// hasten wakes keepControl where it waits for the next attempt.
func (c *Call) hasten() {
	select {
	case c.hurry <- struct{}{}:
	default:
	}
}

// route looks from which of our addresses a way leads to the relay, and takes another socket into use if it is another
// one, or if it must be: then it is used at once. It reports whether the address is another one, or no way leads there.
func (c *Call) route(now time.Duration, l *link, move bool) (changed, barred bool) {
	p, to := &c.paths[PathUDP], l.to.Load()
	if to.network != nil && !move {
		return false, false // it has no routes
	}
	conn, err := to.dial()
	if err != nil {
		return false, to.network == nil
	}
	changed = localOf(conn).Addr() != p.local().Addr()
	if !changed && !move {
		conn.Close()
		return false, false
	}
	if !c.lead(l, conn, to, to) {
		return false, false
	}
	if changed {
		c.probing.Lock()
		p.probes.elsewhere()
		c.probing.Unlock()
	}
	c.probeBy(now, p, false)
	return changed, false
}

// addrOf is our address on the control connection.
func addrOf(ctl *control) netip.Addr {
	a, _ := netip.ParseAddrPort(ctl.conn.LocalAddr().String())
	return a.Addr()
}
