package engine

import (
	"errors"
	"net"
	"time"

	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/stream"
)

const (
	// tickEvery is how often it is looked at what is due without a deadline of its own.
	tickEvery = 100 * time.Millisecond
	// stirEvery is the same at most where this machine's network changes.
	stirEvery = 20 * time.Millisecond
)

// readDatagrams takes what the relay sends by a path, until its socket is replaced.
func (c *Call) readDatagrams(p *path, l *link, s *socket) {
	buf, body := make([]byte, 2048), make([]byte, 0, netproto.MaxDatagram)
	for {
		n, err := s.Read(buf)
		now := c.now()
		switch {
		case err != nil && p.kind == PathTunnel:
			s.Close()
			c.tendNow()
			return
		case c.running.Err() != nil, errors.Is(err, net.ErrClosed):
			return
		case err != nil: // the network's word about an earlier datagram, such as a refused port
			if !c.sleep(playbackBlock) {
				return
			}
			continue
		}
		d := buf[:n]
		l.received.Add(1)
		l.receivedBytes.Add(uint64(n + s.overhead))
		t, err := netproto.DatagramType(d)
		voice := err == nil && (t == netproto.TypeVoice || t == netproto.TypeBundle)
		c.hearing.Lock()
		c.listener.Arrived(now, n+s.overhead)
		if voice {
			came := c.listener.Came()
			_ = c.listener.Handle(now, d) // counted there
			p.came.Add(uint32(c.listener.Came() - came))
		}
		next, due := c.listener.NextDeadline()
		c.hearing.Unlock()
		if due && int64(next) < c.wake.Load() {
			c.tendNow()
		}
		switch {
		case err != nil:
			l.drop(stream.DropMalformed)
		case voice:
			p.heard.at(now)
			c.signs.voice.at(now)
		default:
			if body, ok := l.open(body, d); ok {
				p.heard.at(now)
				c.relaySays(now, p, l, t, body)
			}
		}
	}
}

// relaySays takes the body of a datagram from the relay itself.
func (c *Call) relaySays(now time.Duration, p *path, l *link, t netproto.Type, body []byte) {
	switch t {
	case netproto.TypeProbeAck:
		a, err := netproto.ParseProbeAck(body)
		if err != nil {
			l.drop(stream.DropMalformed)
			return
		}
		c.probing.Lock()
		ours := p.probes.ack(now, a, c.cameBy(p))
		if c.deaf.Load() {
			p.probes.down = passage{} // the relay need not send us what it counts
		}
		c.probing.Unlock()
		c.hearing.Lock()
		if ours && l == c.link.Load() { // each session's lists have numbers of their own
			c.roster.told(now, a.List)
		}
		c.hearing.Unlock()
		if ours && p == c.inUse() {
			c.signs.word.at(now)
			c.measured(p)
		}
	case netproto.TypeReport:
		f, err := netproto.ParseFeedback(body)
		if err != nil {
			l.drop(stream.DropMalformed)
			return
		}
		c.signs.feedback(now, &f)
		c.talking.Lock()
		c.sender.Heard(now, f)
		behind := c.sender.Talker().LastSeq() - f.Receipt.Seq
		c.talking.Unlock()
		if f.Receipt.Reach > 0 {
			c.probing.Lock()
			c.inUse().probes.arrived(now - time.Duration(behind+1)*netproto.FrameDuration)
			c.probing.Unlock()
		}
	case netproto.TypeNack:
		c.signs.word.at(now)
		c.resend(now, l, body)
	case netproto.TypeEnd:
		c.hearing.Lock()
		err := c.listener.Ends(now, body)
		next, due := c.listener.NextDeadline()
		c.hearing.Unlock()
		if err != nil {
			l.drop(stream.DropMalformed)
		}
		if due && int64(next) < c.wake.Load() { // the last of it is missing
			c.tendNow()
		}
	case netproto.TypeChallenge:
		if p == c.inUse() {
			c.signs.word.at(now)
		}
		c.answer(now, p, l, body)
	}
}

// resend answers a nack.
func (c *Call) resend(now time.Duration, l *link, nack []byte) {
	var again []byte // one datagram after another, so that no lock is held while they are sent
	var sizes []int
	c.talking.Lock()
	err := c.sender.Nacked(now, nack, func(d []byte) { again, sizes = append(again, d...), append(sizes, len(d)) })
	c.talking.Unlock()
	if err != nil {
		l.drop(stream.DropMalformed)
	}
	for _, size := range sizes {
		l.send(&c.paths[c.ways.Load().voice], again[:size])
		again = again[size:]
	}
}

// allowTwin tells whether the cap has room for a datagram a second time.
func (c *Call) allowTwin(now time.Duration, size int) bool {
	c.talking.Lock()
	defer c.talking.Unlock()
	return c.sender.AllowTwin(now, size)
}

// allow tells whether the cap has room for a body that is no voice; then it counts as sent.
func (c *Call) allow(now time.Duration, body int) bool {
	c.talking.Lock()
	defer c.talking.Unlock()
	return c.sender.Allow(now, netproto.HeaderSize+body+netproto.TagSize)
}

// tend does what is due by the clock, whatever the microphone and the loudspeaker do.
func (c *Call) tend() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	talking := map[uint32]bool{}
	var v vitals
	changes := 0
	for tick := c.now(); ; {
		select {
		case <-timer.C:
		case <-c.kick:
		case <-c.running.Done():
			return
		}
		now := c.now()
		c.woke(time.Duration(c.wake.Load()), now)
		next := c.repair(now)
		if now >= tick || c.stirred.Load() && now >= tick-tickEvery+stirEvery {
			tick = now + tickEvery
			c.tendPaths(now)
			c.readRates(now)
			c.tellTalking(now, talking)
			c.tellFaults(now, &v)
			c.tendControl(now)
			if c.wornOut() {
				c.stop(ErrWornOut)
			}
			changes = c.tellAdapted(changes)
		}
		next = min(next, tick)
		c.wake.Store(int64(next))
		timer.Reset(next - c.now())
	}
}

// tendNow wakes tend.
func (c *Call) tendNow() {
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

// repair asks for what is missing, reports, and lets the ladder act. It returns when to do so again.
func (c *Call) repair(now time.Duration) (next time.Duration) {
	c.hearing.Lock()
	nack, report := c.listener.Poll(now)
	next, ok := c.listener.NextDeadline()
	c.hearing.Unlock()
	c.sendControl(now, netproto.TypeNack, nack)
	c.sendControl(now, netproto.TypeReport, report)
	c.talking.Lock()
	c.sender.Poll(now)
	at, due := c.sender.NextDeadline()
	c.talking.Unlock()
	switch {
	case ok && due:
		next = min(next, at)
	case due:
		next = at
	case !ok:
		return now + time.Hour
	}
	return max(next, now+leastSleep)
}

// leastSleep bounds how often tend looks, whatever is due.
const leastSleep = time.Millisecond

// readRates reads the rates once a second.
func (c *Call) readRates(now time.Duration) {
	c.probing.Lock()
	defer c.probing.Unlock()
	if now-c.up.at >= time.Second-tickEvery/2 {
		c.up.read(now, c.link.Load().sentBytes.Load())
		c.down.read(now, c.link.Load().receivedBytes.Load())
	}
}

// tellTalking makes events of those who began or stopped to talk. Of a large room few do, and it looks at no others.
func (c *Call) tellTalking(now time.Duration, talking map[uint32]bool) {
	var events []Event
	c.hearing.Lock()
	if c.roster.begun != c.toldOf {
		clear(talking) // who was there has left
		c.toldOf = c.roster.begun
	}
	for session := range talking {
		p := c.listener.peers[session]
		if p != nil && p.isTalking(now) {
			continue
		}
		delete(talking, session)
		if p != nil { // else somebody left in mid-sentence
			events = append(events, PeerTalking{session, p.name, false})
		}
	}
	for _, p := range c.listener.awake {
		if !p.gone && p.isTalking(now) && !talking[p.session] {
			talking[p.session] = true
			events = append(events, PeerTalking{p.session, p.name, true})
		}
	}
	c.hearing.Unlock()
	for _, e := range events {
		c.events.add(e)
	}
}

// tellAdapted makes an event when the ladder has decided anew.
func (c *Call) tellAdapted(was int) int {
	c.talking.Lock()
	defer c.talking.Unlock()
	changes := c.sender.ladder.Changes()
	if changes != was && c.source.wanted() {
		c.events.add(Adapted{c.sender.ladder.Decision()})
	}
	return changes
}
