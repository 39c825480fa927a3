package engine

import (
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/jitter"
	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/stream"
)

// stormEnd is one end of a call and its network.
type stormEnd struct {
	s     *storm
	name  string
	delay time.Duration // one way

	net    stormNet
	socket stormSocket
	inbox  []packet
	outbox []packet

	// What a Call has.
	sender     *Sender
	listener   *Listener
	roster     roster
	attendance attendance
	probes     probes
	comeback   comeback
	roaming    roaming
	pulse      pulse
	signs      signs
	session    netproto.Session
	tag        *netproto.TagKey
	upKey      *netproto.Sealer
	downKey    *netproto.Sealer
	seqs       [16]uint32
	seen       [16]netproto.ReplayWindow
	barred     uint64
	conn       *stormConn // the last one while it is lost
	given      error      // why it was given up
	dial       *stormDial
	entry      entry
	tick       time.Duration
	wake       time.Duration

	conns  []*stormConn      // all that the relay may still know of
	sealed map[string][]byte // what was sealed, by header
	talks  bool
	ended  error     // the call has: it never should
	out    []float32 // scratch
}

// stormNet is what gets through of an end's network.
type stormNet struct {
	up, down, tcp bool
	loss          float64
	local         netip.Addr // invalid: there is no way
}

// stormSocket is a UDP socket: its address there, and as the relay sees it.
type stormSocket struct {
	local netip.Addr
	outer netip.AddrPort // invalid: nothing of it gets through
}

type packet struct {
	at   time.Duration
	d    []byte
	from netip.AddrPort
}

func newStormEnd(s *storm, name string) *stormEnd {
	e := &stormEnd{
		s: s, name: name, delay: time.Duration(5+s.rng.IntN(90)) * time.Millisecond,
		net:    stormNet{up: true, down: true, tcp: true},
		roster: newRoster(nil), attendance: attendance{room: "storm", own: netproto.Member{Name: name}},
		sealed: map[string][]byte{}, comeback: comeback{random: s.rng.Float64},
	}
	e.delay -= e.delay % stormStep
	e.newAddress()
	cfg := ListenerConfig{NewDecoder: func() (codec.Decoder, error) { return &loud{}, nil }}
	e.out = make([]float32, FrameSize)
	if s.seed%41 > 0 { // else the real one, which takes its time
		e.out = e.out[:1]
		cfg.NewBuffer = func(jitter.Decoder, jitter.Config) Buffer { return &stormBuffer{} }
	}
	e.listener = NewListener(cfg)
	var err error
	if e.sender, err = NewSender(s.now, SenderConfig{Talker: TalkerConfig{
		NewEncoder: func(cfg codec.EncoderConfig) (codec.Encoder, error) { l := &loud{}; return l, l.Configure(cfg) },
	}}); err != nil {
		s.t.Fatal(err)
	}
	s.last++
	e.entry = e.config().newEntry()
	c, err := s.join(e, s.last)
	if err != nil {
		s.t.Fatal(err)
	}
	e.welcome(c)
	return e
}

func (e *stormEnd) config() *Config { return &Config{Room: "storm", Name: e.name} }

// passes tells whether a datagram gets through one way.
func (e *stormEnd) passes(way bool) bool {
	return way && (e.net.loss == 0 || e.s.rng.Float64() >= e.net.loss)
}

// newAddress is another network: what was sent from the old address is in vain.
func (e *stormEnd) newAddress() {
	e.loseAddress()
	e.net.local = netip.AddrFrom4([4]byte{10, 0, byte(e.s.newPort() >> 8), byte(e.s.newPort())})
}

// loseAddress takes the address away.
func (e *stormEnd) loseAddress() {
	e.net.local = netip.Addr{}
	e.socket.outer = netip.AddrPort{}
	for _, c := range e.conns {
		if c.lost == stormNever {
			c.lost = e.s.now
		}
	}
}

// open makes another socket, if there is a way.
func (e *stormEnd) open() (stormSocket, bool) {
	if !e.net.local.IsValid() {
		return stormSocket{}, false
	}
	return stormSocket{e.net.local, netip.AddrPortFrom(e.net.local, e.s.newPort())}, true
}

// write mirrors link.send.
func (e *stormEnd) write(d []byte) {
	if e.socket.local != e.net.local {
		e.barred++
		return
	}
	if e.socket.outer.IsValid() && e.passes(e.net.up) {
		e.outbox = append(e.outbox, packet{e.s.now + e.delay, d, e.socket.outer})
	}
}

// transmit sends a datagram of voice.
func (e *stormEnd) transmit(d []byte) {
	e.s.once(e.sealed, d[:netproto.HeaderSize], d[:len(d)-netproto.HopSize-netproto.HopTagSize])
	e.write(slices.Clone(d))
}

// control mirrors Call.sendControl and link.sendSealed.
func (e *stormEnd) control(t netproto.Type, body []byte) {
	if body == nil || !e.sender.Allow(e.s.now, netproto.HeaderSize+len(body)+netproto.TagSize) {
		return
	}
	e.seqs[t]++
	d := e.upKey.Seal(nil, netproto.Header{Type: t, Session: e.session.Session, Seq: e.seqs[t]}, body)
	e.s.once(e.sealed, d[:netproto.HeaderSize], d)
	e.write(d)
}

// step does what is due.
func (e *stormEnd) step() {
	now := e.s.now
	for len(e.inbox) > 0 && e.inbox[0].at <= now {
		d := e.inbox[0].d
		e.inbox = e.inbox[1:]
		e.datagram(now, d)
	}
	if e.comeback.away {
		e.reconnect(now)
	} else {
		e.readControl(now)
	}
	if now%netproto.FrameDuration == 0 {
		e.speak(now)
		e.listener.Mix(now, e.out)
	}
	if now >= e.wake {
		e.tend(now)
	}
}

// speak mirrors Sender.Frame and Talker.Frame, without a codec and without looking for a voice.
func (e *stormEnd) speak(now time.Duration) {
	f := stream.Frame{Level: stream.Silent}
	if e.talks {
		f = stream.Frame{Data: murmur, Level: 20, Voice: true}
	}
	x := e.sender
	x.talker.SetLimit(x.ladder.Room(now, x.talker.Left()))
	x.now = now
	if d, err := x.talker.Packetizer.Frame(f); err == nil && d != nil {
		e.transmit(d)
		e.signs.sent.Add(1)
	}
}

// murmur is a frame as long as one of speech at 24 kbit/s.
var murmur = make([]byte, 60)

// datagram mirrors Call.readDatagrams and Call.relaySays.
func (e *stormEnd) datagram(now time.Duration, d []byte) {
	e.wake = min(e.wake, now)
	e.listener.Arrived(now, len(d)+28)
	t, err := netproto.DatagramType(d)
	switch {
	case err != nil:
		return
	case t == netproto.TypeVoice || t == netproto.TypeBundle:
		_ = e.listener.Handle(now, d)
		e.signs.voice.at(now)
		return
	}
	h, err := netproto.ParseHeader(d)
	if err != nil {
		return
	}
	body, err := e.downKey.Open(nil, d)
	if err != nil || h.Session != e.session.Session || !e.seen[h.Type&15].Accept(h.Seq) {
		return
	}
	switch t {
	case netproto.TypeProbeAck:
		a, err := netproto.ParseProbeAck(body)
		if err == nil {
			e.roster.told(now, a.List)
		}
		if err == nil && e.probes.ack(now, a, e.listener.Came()) {
			e.signs.word.at(now)
			rtt := e.probes.rtt.Value()
			e.sender.Probed(rtt)
			e.listener.SetPath(e.probes.rtt.Least())
			e.listener.SetRoundTrip(rtt)
		}
	case netproto.TypeReport:
		if f, err := netproto.ParseFeedback(body); err == nil {
			e.signs.feedback(now, &f)
			e.sender.Heard(now, f)
		}
	case netproto.TypeNack:
		e.signs.word.at(now)
		_ = e.sender.Nacked(now, body, e.transmit)
	case netproto.TypeEnd:
		_ = e.listener.Ends(now, body)
	case netproto.TypeChallenge:
		e.control(netproto.TypeChallengeReply, body)
	}
}

// tend mirrors Call.tend, repair and probe.
func (e *stormEnd) tend(now time.Duration) {
	nack, report := e.listener.Poll(now)
	e.wake = e.tick
	if next, ok := e.listener.NextDeadline(); ok {
		e.wake = min(e.wake, next)
	}
	e.control(netproto.TypeNack, nack)
	e.control(netproto.TypeReport, report)
	e.sender.Poll(now)
	if now < e.tick {
		return
	}
	e.tick = now + tickEvery
	e.wake = min(e.wake, e.tick)
	if now >= e.probes.due(max(e.sender.Spoke(), e.signs.voice.get()), e.sender.Stopped()) {
		e.probe(now)
	}
	e.tendPath(now)
}

func (e *stormEnd) probe(now time.Duration) {
	e.control(netproto.TypeProbe, netproto.AppendProbe(nil, e.probes.next(now, uint16(e.signs.sent.Load()), false)))
}

// tendPath mirrors Call.tendPath and Call.route.
func (e *stormEnd) tendPath(now time.Duration) {
	p := &e.probes
	signs := pathSigns{waiting: p.waiting, asked: p.since, word: max(e.signs.word.get(), e.signs.voice.get()), barred: e.barred}
	moved, barred := false, false
	if route, move := e.roaming.look(now, signs); route {
		socket, ok := e.open()
		barred = !ok
		if ok {
			moved = socket.local != e.socket.local
			if moved || move {
				e.socket = socket
				if moved {
					e.probes.elsewhere()
				}
				e.probe(now)
			}
		}
	}
	away := e.comeback.away
	ev, tell := e.comeback.look(now, p.proof >= e.comeback.since && p.alive(now))
	if (tell && ev.Voice || moved) && e.comeback.news(now) && e.dial != nil {
		e.dial.cancelled = true
	}
	if away {
		return
	}
	word := e.pulse.look(now, signs.silent(now), max(e.listener.strange(now), e.roster.behind(now)), p.rtt.Value(), e.signs.said.get())
	switch { // a knock makes what comes later come sooner
	case word == pulseLost:
		e.given = errNoAnswer
	case (moved || barred) && e.conn.local != e.net.local:
		e.given = errMoved
	case word == pulseAsk:
		e.conn.send(netproto.ClientPort{})
	}
	e.leave(now, e.roster.settle(now))
}

// readControl mirrors Call.readControl.
func (e *stormEnd) readControl(now time.Duration) {
	c := e.conn
	if e.given == nil && c.lost != stormNever && now-c.lost > keepAliveEnd {
		e.given = errNoAnswer
	}
	for _, p := range c.arrived(&c.down) {
		if p == nil {
			e.given = errNoAnswer
			break
		}
		e.signs.said.at(now)
		switch p := p.(type) {
		case netproto.SendNewUsers:
			e.setUsers(now, p)
		case netproto.Session:
			if p.Session == e.session.Session && p.Resume != "" {
				e.session.Resume = p.Resume
			}
			e.setKeys(now, p.Keys)
		}
	}
	if e.given == nil {
		return
	}
	c.send(nil)
	e.comeback.lost(now, gone(e.given))
	e.comeback.look(now, false)
	e.given, e.entry = nil, e.config().newEntry()
}

// reconnect mirrors Call.reconnect, awaitTry and try.
func (e *stormEnd) reconnect(now time.Duration) {
	if e.dial == nil {
		if now < e.comeback.due {
			return
		}
		limit, _ := e.comeback.try(now, e.probes.rtt.Value())
		e.s.last++
		e.dial = &stormDial{began: now, limit: limit, number: e.s.last, local: e.net.local, at: now, arrives: stormNever}
	}
	d := e.dial
	c, err := e.dialed(d)
	if c == nil && err == nil {
		return
	}
	e.dial = nil
	if err != nil {
		if d.conn != nil {
			d.conn.send(nil)
		}
		if final := e.comeback.failed(now, err); final != nil {
			e.ended = final
		}
		return
	}
	e.comeback.back(now)
	e.welcome(c)
}

// welcome mirrors Call.takeOver, resumed, replaced, and what newCall does.
func (e *stormEnd) welcome(c *stormConn) {
	now := e.s.now
	users, _ := c.down[0].p.(netproto.SendNewUsers)
	s, _ := c.down[1].p.(netproto.Session)
	c.down = c.down[2:]
	e.conn = c
	switch {
	case e.session.Session == s.Session && slices.Equal(e.session.HopKey, s.HopKey):
		e.session = s
		e.roster.resume()
	default:
		e.session = s
		hop := netproto.HopKey(s.HopKey)
		e.upKey, e.downKey, e.tag = netproto.NewSealer(hop.Up()), netproto.NewSealer(hop.Down()), hop.TagKey()
		e.seen = [16]netproto.ReplayWindow{}
		e.attendance.begin(s.Session, c.entry)
		e.sender.Talker().Renew(s.Session)
		e.sender.Talker().SetTag(e.tag)
		if socket, ok := e.open(); ok {
			e.socket = socket
		}
		e.leave(now, slices.Sorted(maps.Keys(e.roster.names)))
		e.roster.renew()
		e.listener.Renew()
		e.probes.renew()
		e.signs.renew(now)
	}
	c.send(netproto.ClientPort{})
	e.signs.said.at(now)
	e.probe(now)
	newest := e.attendance.newest
	e.setUsers(now, users)
	e.setKeys(now, s.Keys)
	if e.attendance.newest == newest {
		e.sendKeys(e.attendance.of(newest).keys)
	}
	e.conns = slices.DeleteFunc(e.conns, func(c *stormConn) bool { return c.over || c.relay != e.s.relay })
}

// setUsers mirrors Call.setUsers.
func (e *stormEnd) setUsers(now time.Duration, list netproto.SendNewUsers) {
	e.attendance.take(&list)
	b, known := e.attendance.epoch(now, &list)
	if list.MediaKey != nil && !known {
		e.s.t.Fatalf("seed %d: after %v the relay tells of %s otherwise", e.s.seed, now, e.name)
	}
	e.leave(now, e.roster.gone(now, &list))
	for i, session := range list.Sessions {
		if session != e.session.Session {
			e.roster.names[session] = list.Users[i]
			e.listener.AddPeer(session, list.Users[i])
		}
	}
	if b != nil {
		b.hear(now, e.listener, nil)
		e.sender.Talker().SetSecret(b.number, b.seals, b.waits(now, e.session.Session))
		e.sendKeys(b.keys)
		e.setKeys(now, e.attendance.due())
	}
}

// sendKeys and setKeys mirror those of Call.
func (e *stormEnd) sendKeys(keys []netproto.Wrapping) {
	if len(keys) > 0 {
		e.conn.send(netproto.ClientPort{Keys: keys})
	}
}

func (e *stormEnd) setKeys(now time.Duration, keys []netproto.Wrapping) {
	for i := range keys {
		if secret, ok := e.attendance.unwrap(&keys[i]); ok {
			e.listener.SetTalkerSecret(now, keys[i].Session, keys[i].Epoch, secret)
		}
		b := e.attendance.of(keys[i].Epoch)
		e.sender.Talker().Hasten(b.number, b.waits(now, e.session.Session))
	}
}

// leave mirrors Call.leaveLocked.
func (e *stormEnd) leave(now time.Duration, left []uint32) {
	for _, session := range left {
		delete(e.roster.names, session)
		e.listener.RemovePeer(now, session)
	}
}

// heard is how much it has heard of another one, under the session that that one has now.
func (e *stormEnd) heard(of *stormEnd) time.Duration {
	p := e.listener.peers[of.session.Session]
	if p == nil || p.buffer == nil || p.name != of.name {
		return 0
	}
	b := p.buffer.Stats()
	return b.Decoded + b.Redundant + b.FEC
}
