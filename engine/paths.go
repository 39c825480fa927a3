package engine

import (
	"context"
	"time"

	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/stream"
)

// read takes a path's socket into use and starts its reader. It reports whether the call still goes on.
func (c *Call) read(p *path, l *link, s *socket) bool {
	if !p.move(s) {
		return false
	}
	c.loops.Go(func() { c.readDatagrams(p, l, s) })
	return true
}

// lead takes another socket for UDP into use, which leads to an address of the relay, in place of one that led to where was
// is, unless the call has ended, or UDP leads elsewhere by now.
func (c *Call) lead(l *link, conn DatagramConn, was, to *destination) bool {
	l.leading.Lock()
	defer l.leading.Unlock()
	if l != c.link.Load() || !l.to.CompareAndSwap(was, to) {
		conn.Close()
		return false
	}
	if was.AddrPort != to.AddrPort {
		c.paths[PathAlso].move(nil) // which is opened anew
		c.probing.Lock()
		c.paths[PathUDP].probes.moved()
		c.probing.Unlock()
	}
	return c.read(&c.paths[PathUDP], l, newUDP(conn, to))
}

// closePaths lets go of all readers.
func (c *Call) closePaths() {
	for i := range c.paths {
		c.paths[i].socket.end()
	}
}

// inUse is the path that counts for what is known of the way to the relay.
func (c *Call) inUse() *path { return &c.paths[c.ways.Load().sure] }

// sendVoice sends a datagram of voice.
func (c *Call) sendVoice(d []byte) {
	w, l := c.ways.Load(), c.link.Load()
	l.send(&c.paths[w.voice], d)
	c.signs.sent.Add(1)
	if w.twin != noPath && c.allowTwin(c.now(), len(d)) {
		l.send(&c.paths[w.twin], d)
	}
}

// sendControl sends a body that is no voice, if there is one and the cap has room for it.
func (c *Call) sendControl(now time.Duration, t netproto.Type, body []byte) {
	if body == nil || !c.allow(now, len(body)) {
		return
	}
	w, l := c.ways.Load(), c.link.Load()
	d := l.seal(t, body)
	l.send(&c.paths[w.voice], d)
	if w.twin != noPath && c.allowTwin(now, len(d)) {
		l.send(&c.paths[w.twin], d)
	}
}

// sendBy sends a body by one path, if the cap has room for it.
func (c *Call) sendBy(now time.Duration, p *path, l *link, t netproto.Type, body []byte) bool {
	if !c.allow(now, len(body)) {
		return false
	}
	l.send(p, l.seal(t, body))
	return true
}

// answer answers a challenge on a path where the session is to be; on another one it only shows that this works both ways.
func (c *Call) answer(now time.Duration, p *path, l *link, body []byte) {
	token, err := netproto.ParseChallenge(body)
	if err != nil {
		l.drop(stream.DropMalformed)
		return
	}
	w := c.ways.Load()
	if p.kind == w.first || p.kind == w.second {
		reply := netproto.ChallengeReply{Token: token, Also: p.kind == w.second}
		c.sendBy(now, p, l, netproto.TypeChallengeReply, netproto.AppendChallengeReply(nil, reply))
	}
}

// cameBy is how many datagrams of voice came by a path, modulo 65536: by both, if there are two, as with a cap the relay
// sends by one of them.
func (c *Call) cameBy(p *path) uint16 {
	if p.kind == PathTunnel {
		return uint16(p.came.Load())
	}
	return uint16(c.paths[PathUDP].came.Load() + c.paths[PathAlso].came.Load())
}

// probe sends a probe by each path on which one is due.
func (c *Call) probe(now time.Duration) {
	c.talking.Lock()
	busy, stopped := max(c.sender.Spoke(), c.signs.voice.get()), c.sender.Stopped()
	every := c.sender.ProbeEvery()
	c.talking.Unlock()
	for i := range c.paths {
		p := &c.paths[i]
		if p.socket.get() == nil || p.kind == PathTunnel && !c.supervisor.tunnelled {
			continue // a tunnel in case is left alone: a probe would ask for a challenge
		}
		c.probing.Lock()
		trial := p.kind != PathTunnel && p.probes.trial(c.supervisor.tunnelled)
		p.probes.busy = every
		due := p.probes.due(busy, stopped)
		if trial {
			due = p.probes.last() + probeReturn
		}
		c.probing.Unlock()
		if now >= due {
			c.probeBy(now, p, trial)
		}
	}
}

// probeBy sends a probe by a path; trial: to find out whether it would carry voice.
func (c *Call) probeBy(now time.Duration, p *path, trial bool) {
	c.probing.Lock()
	size, voice := probeSize, uint16(c.signs.sent.Load())
	long := trial && p.probes.long(now)
	c.probing.Unlock()
	if long {
		size = probeLong
	}
	if !c.allow(now, size) {
		return // what the cap holds back does not count as unanswered
	}
	c.probing.Lock()
	body := netproto.AppendProbe(make([]byte, 0, probeLong), p.probes.next(now, voice, long))
	c.probing.Unlock()
	l := c.link.Load()
	l.send(p, l.seal(netproto.TypeProbe, body[:size]))
}

// measured tells everyone who needs it what the answer to a probe says of the path in use.
func (c *Call) measured(p *path) {
	c.probing.Lock()
	rtt, least := p.probes.rtt.Value(), p.probes.rtt.Least()
	c.probing.Unlock()
	c.talking.Lock()
	c.sender.Probed(rtt)
	c.talking.Unlock()
	if rtt > 0 {
		c.hearing.Lock()
		c.listener.SetPath(least)
		c.listener.SetRoundTrip(rtt)
		c.hearing.Unlock()
	}
}

// states are what is known of the paths.
func (c *Call) states(now time.Duration) (all [pathKinds]pathState) {
	c.probing.Lock()
	for i := range c.paths {
		all[i] = c.paths[i].probes.state(now)
	}
	c.probing.Unlock()
	for i := range c.paths {
		p := &c.paths[i]
		all[i].open, all[i].heard = p.usable(), p.heard.get()
	}
	return all
}

// tendPaths probes, decides by which paths voice goes, and opens and closes what that takes.
func (c *Call) tendPaths(now time.Duration) {
	c.probe(now)
	select {
	case d := <-c.dialed:
		c.supervisor.dialed(now, d.err)
		if d.err == nil {
			c.openTunnel(d)
			c.returning.Lock()
			_ = c.comeback.news(now) // an attempt under way goes on: it may wait for its turn at the relay
			c.returning.Unlock()
			c.hasten()
		}
	default:
	}
	all := c.states(now)
	main, also, tunnel := &all[PathUDP], &all[PathAlso], &all[PathTunnel]
	s := &c.supervisor
	udp := betterOf(main, also)
	c.returning.Lock()
	away := c.comeback.relayAway()
	c.returning.Unlock()
	if away {
		s.excuse(now)
	}
	course := s.look(now, udp, tunnel)
	if course.dial > 0 && (!c.cfg.Plaintext || c.cfg.Network != nil) {
		l := c.link.Load()
		c.loops.Go(func() { c.dialTunnel(l, course.dial) })
	}
	if course.close {
		c.paths[PathTunnel].move(nil)
	}
	w := ways{second: noPath, twin: noPath}
	if c.cfg.Also != "" {
		w = c.second.look(main, also, c.cfg.DownCap > 0)
	}
	if s.tunnelled {
		w.first, w.second = PathTunnel, noPath
		if tunnel.open {
			w.voice, w.twin, w.sure = PathTunnel, noPath, PathTunnel
		}
	}
	was := c.ways.Load().first
	c.take(w)
	c.followPath(now)
	switch {
	case course.changed:
		c.changePath(now, w.told(), course.why)
	case !s.tunnelled && w.first == PathAlso && was != PathAlso:
		c.events.add(PathChanged{Path: PathAlso, Reason: main.why(now)})
	case !s.tunnelled && was != w.first:
		c.events.add(PathChanged{Path: PathUDP})
	}
	c.probing.Lock()
	if s.tunnelled {
		udp = tunnel
	}
	c.gaps.look(now, udp, s.tunnelled, away)
	c.probing.Unlock()
}

// take sends by these ways from now on.
func (c *Call) take(w ways) {
	if *c.ways.Load() == w {
		return
	}
	c.ways.Store(new(w))
	c.probing.Lock()
	for i := range c.paths {
		c.paths[i].probes.carry(PathKind(i) == w.voice) // what is missing is missing there
	}
	c.probing.Unlock()
	twice := w.second != noPath
	if twice { // and what is on its way still comes twice when there is one path again
		c.link.Load().twice.Store(true)
	}
	c.hearing.Lock()
	c.listener.SetReliable(w.voice == PathTunnel)
	if twice {
		c.listener.SetTwice(true)
	}
	c.hearing.Unlock()
}

// followPath tells the ladder what the path in use is like.
func (c *Call) followPath(now time.Duration) {
	s, tunnelled := c.inUse().socket.get(), c.ways.Load().voice == PathTunnel
	if s != nil && (s.overhead != c.overhead || tunnelled != c.tunnelled) {
		c.overhead, c.tunnelled = s.overhead, tunnelled
		c.talking.Lock()
		c.sender.SetPath(now, s.overhead, tunnelled)
		c.talking.Unlock()
	}
}

// changePath says that voice takes another path, and takes the session there.
func (c *Call) changePath(now time.Duration, kind PathKind, why string) {
	c.probing.Lock()
	c.gaps.changed()
	c.probing.Unlock()
	c.events.add(PathChanged{Path: kind, Reason: why})
	c.probeBy(now, &c.paths[kind], false)
}

// dialed is what became of dialing a tunnel.
type dialed struct {
	link   *link
	socket *socket
	tunnel *tunnel
	err    error
}

// dialTunnel dials one, for tend to take into use.
func (c *Call) dialTunnel(l *link, limit time.Duration) {
	ctx, cancel := context.WithTimeout(c.running, limit)
	defer cancel()
	s, t, err := dialTunnel(ctx, l.to.Load(), c.now, &l.stale)
	select {
	case c.dialed <- dialed{l, s, t, err}:
		c.tendNow()
	case <-c.running.Done():
		s.Close()
	}
}

// openTunnel takes a tunnel into use, beside UDP or in the place of another one.
func (c *Call) openTunnel(d dialed) {
	if d.link != c.link.Load() {
		d.socket.Close()
		return
	}
	p := &c.paths[PathTunnel]
	if !c.supervisor.tunnelled { // else the silence goes on until there is an answer
		c.probing.Lock()
		p.probes.moved()
		c.probing.Unlock()
	}
	if c.read(p, d.link, d.socket) {
		c.loops.Go(d.tunnel.drain)
		if c.supervisor.tunnelled {
			c.probeBy(c.now(), p, false)
		}
	}
}
