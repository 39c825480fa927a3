package engine

import (
	"bytes"
	"context"
	"io"
	"math"
	"math/rand/v2"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/forward"
	"github.com/tincan-voice/tincan/internal/relay/rooms"
	"github.com/tincan-voice/tincan/jitter"
	"github.com/tincan-voice/tincan/netproto"
)

// A storm is a call of three over networks and a relay that go wrong, in virtual time. The pieces are the real ones:
// Sender, Listener, probes, roaming, pulse, comeback, roster and signs here, rooms.Core and forward.Worker there. What
// is a model is the shell around them (call.go, loops.go, reconnect.go, link.go; relay/members.go, hold.go), which is
// done here in one goroutine in steps of 10 ms, and the network. The model leaves out: TLS and what refuses a client,
// names with several addresses, relays that send us elsewhere, caps, devices, faults, pages of user lists, queues, and
// the longer and longer waits of a TCP that sends again: what it holds gets through as soon as anything does.
type storm struct {
	t     *testing.T
	seed  uint64
	rng   *rand.Rand
	now   time.Duration
	relay *stormRelay // nil: none runs
	last  int         // connections so far
	ends  []*stormEnd
	ports uint16
}

const stormStep = 10 * time.Millisecond

// stormRelay is one run of the relay.
type stormRelay struct {
	core     *rooms.Core
	worker   *forward.Worker
	due      time.Duration // of the worker
	tick     time.Duration // of the core
	sessions map[uint32]*stormConn
	downs    map[string][]byte // what was sealed for an end, by header
}

// stormConn is a control connection, as both ends see it.
type stormConn struct {
	end     *stormEnd
	relay   *stormRelay
	number  int
	session uint32
	entry   entry
	local   netip.Addr    // of the end
	lost    time.Duration // when the address was, and so all segments from then on; never: it is not
	down    []letter      // under way to the end
	up      []letter
	fresh   bool // nothing has come behind the name
	over    bool // the relay knows that it has ended
}

// letter is a package under way; nil is the end of the connection.
type letter struct {
	at time.Duration
	p  netproto.Package
}

const (
	stormNever = time.Duration(math.MaxInt64)
	// keepAliveEnd is when an end notices that nothing is left of a connection, keepAliveRelay when the relay does.
	keepAliveEnd, keepAliveRelay = 25 * time.Second, 40 * time.Second
)

func newStorm(t *testing.T, seed uint64) *storm {
	s := &storm{t: t, seed: seed, rng: rand.New(rand.NewPCG(seed, 16)), now: time.Minute}
	s.startRelay()
	for i := range 3 {
		e := newStormEnd(s, string(rune('A'+i)))
		s.ends = append(s.ends, e)
	}
	return s
}

func (s *storm) startRelay() {
	r := &stormRelay{
		core: rooms.NewCore(rooms.Config{}), sessions: map[uint32]*stormConn{}, due: stormNever, downs: map[string][]byte{},
	}
	r.worker = r.core.NewWorker(forward.SendFunc(func(to netip.AddrPort, d []byte) { s.relaySends(r, to, d) }))
	s.relay = r
}

// stopRelay ends it without a word; the system it runs on ends the connections.
func (s *storm) stopRelay() {
	for _, c := range s.relay.sessions {
		c.down = append(c.down, letter{at: s.now + c.end.delay})
	}
	s.relay = nil
}

func (s *storm) newPort() uint16 {
	s.ports++
	return s.ports
}

// relaySends is the relay's socket.
func (s *storm) relaySends(r *stormRelay, to netip.AddrPort, d []byte) {
	if h, err := netproto.ParseHeader(d); err == nil && h.Type != netproto.TypeVoice && h.Type != netproto.TypeBundle {
		s.once(r.downs, d[:netproto.HeaderSize], d)
	}
	for _, e := range s.ends {
		if e.socket.outer == to && e.passes(e.net.down) {
			e.inbox = append(e.inbox, packet{at: s.now + e.delay, d: bytes.Clone(d)})
		}
	}
}

// once wants that under one header, which is the nonce, only one thing is sealed.
func (s *storm) once(sealed map[string][]byte, header, d []byte) {
	was, ok := sealed[string(header)]
	if !ok {
		sealed[string(header)] = bytes.Clone(d)
	} else if !bytes.Equal(was, d) {
		s.t.Fatalf("seed %d: after %v two datagrams are sealed under %x", s.seed, s.now, header)
	}
}

// step lets all do what is due.
func (s *storm) step() {
	s.now += stormStep
	if r := s.relay; r != nil {
		s.runRelay(r)
	}
	for _, e := range s.ends {
		e.step()
	}
}

// runRelay mirrors relay.Server: its workers, announcer and control connections.
func (s *storm) runRelay(r *stormRelay) {
	for _, e := range s.ends {
		for len(e.outbox) > 0 && e.outbox[0].at <= s.now {
			p := e.outbox[0]
			e.outbox = e.outbox[1:]
			r.worker.Handle(s.now, p.from, p.d)
			r.due = s.now
		}
		for _, c := range e.conns {
			if c.relay == r {
				s.serve(r, c)
			}
		}
	}
	if s.now >= r.due {
		r.due = stormNever
		if next, ok := r.worker.Flush(s.now); ok {
			r.due = next
		}
	}
	if s.now < r.tick {
		return
	}
	r.core.Expire(s.now)
	updates, next := r.core.Tick(s.now)
	r.tick = next
	for _, u := range updates {
		for _, c := range r.sessions {
			c.tell(u.Users.Package())
		}
	}
}

// serve takes what a client says on a connection, and notices that it is gone.
func (s *storm) serve(r *stormRelay, c *stormConn) {
	if c.over {
		return
	}
	if c.lost != stormNever && s.now-c.lost > keepAliveRelay {
		s.end(r, c, s.now-keepAliveRelay)
		return
	}
	for _, p := range c.arrived(&c.up) {
		if p == nil {
			s.end(r, c, s.now)
			return
		}
		if c.fresh {
			c.fresh = false
			if r.sessions[c.session] == c {
				r.core.Answered(c.session)
			}
		}
		if p, ok := p.(netproto.ClientPort); ok {
			c.tell(netproto.Ack{})
			if r.sessions[c.session] == c {
				s.pass(r, c, p.Keys)
			}
		}
	}
}

// pass mirrors Server.pass.
func (s *storm) pass(r *stormRelay, c *stormConn, keys []netproto.Wrapping) {
	for _, p := range r.core.Pass(c.session, keys) {
		if to := r.sessions[p.To]; to != nil {
			to.tell(netproto.Session{Session: p.To, Keys: []netproto.Wrapping{p.Wrapping}})
		}
	}
}

func (s *storm) end(r *stormRelay, c *stormConn, alive time.Duration) {
	c.over = true
	if r.sessions[c.session] == c {
		delete(r.sessions, c.session)
		r.core.Lose(c.session, alive)
		r.tick = 0
	}
}

// join is a SEND_NICKNAME that has come to the relay.
func (s *storm) join(e *stormEnd, number int) (*stormConn, error) {
	r, was := s.relay, &e.session
	n := rooms.Newcomer{Room: "storm", Name: e.name, Voice: netproto.Version, Resume: was.Resume, Fresh: e.entry.fresh, Attempt: e.entry.attempt}
	if was.Resume != "" {
		n.Proof = netproto.HopKey(was.HopKey).ResumeProof(was.Resume)
	}
	m, err := r.core.Join(s.now, n)
	if err != nil {
		return nil, err
	}
	old := r.sessions[m.Session]
	if old != nil && old.number > number {
		return nil, io.EOF
	}
	if old != nil {
		old.down, old.over = append(old.down, letter{at: s.now + e.delay}), true
	}
	c := &stormConn{entry: e.entry, end: e, relay: r, number: number, session: m.Session, local: e.net.local, lost: stormNever, fresh: true}
	r.sessions[m.Session], r.tick = c, 0
	e.conns = append(e.conns, c)
	c.tell(m.Users.Package())
	c.tell(netproto.Session{Session: m.Session, Voice: netproto.Version, HopKey: m.HopKey[:], Resume: m.Resume, Keys: m.Keys})
	return c, nil
}

func (c *stormConn) tell(p netproto.Package) {
	c.down = append(c.down, letter{c.end.s.now + c.end.delay, p})
}

// send is the end's word. A relay that does not know the connection answers with its end.
func (c *stormConn) send(p netproto.Package) {
	c.up = append(c.up, letter{c.end.s.now + c.end.delay, p})
	if c.end.s.relay != c.relay {
		c.down = append(c.down, letter{at: c.end.s.now + 2*c.end.delay})
	}
}

// arrived takes what has come out of the letters of a connection.
func (c *stormConn) arrived(letters *[]letter) (came []netproto.Package) {
	for len(*letters) > 0 && (*letters)[0].at <= c.end.s.now && c.end.net.tcp && c.lost == stormNever {
		came = append(came, (*letters)[0].p)
		*letters = (*letters)[1:]
	}
	return came
}

// stormDial is an attempt to connect under way: one round trip each for TCP, TLS and the greeting.
type stormDial struct {
	began, limit time.Duration
	number       int
	local        netip.Addr
	relay        *stormRelay // that took it
	trips        int
	at           time.Duration // when the next trip begins
	arrives      time.Duration // the answer under way; never: none
	conn         *stormConn
	cancelled    bool
}

const dialTrips = 3

// dialed makes an attempt go on and returns how it ends: nil, nil while it does not.
func (e *stormEnd) dialed(d *stormDial) (*stormConn, error) {
	s := e.s
	if s.now-d.began >= d.limit {
		return nil, context.DeadlineExceeded
	}
	if d.cancelled {
		return nil, context.Canceled
	}
	if !d.local.IsValid() {
		return nil, syscall.ENETUNREACH
	}
	if d.local != e.net.local || !e.net.tcp {
		return nil, nil // nothing comes to that address any more, or nothing at all
	}
	if d.trips > 0 && d.relay != s.relay {
		return nil, io.EOF
	}
	switch {
	case d.arrives <= s.now:
		d.arrives = stormNever
		if d.trips++; d.trips == dialTrips {
			return d.conn, nil
		}
		d.at = s.now
	case d.arrives == stormNever && s.now >= d.at:
		if s.relay == nil {
			return nil, syscall.ECONNREFUSED
		}
		d.relay = s.relay
		d.arrives = s.now + 2*e.delay
		if d.trips == dialTrips-1 {
			var err error
			if d.conn, err = s.join(e, d.number); err != nil {
				return nil, err
			}
		}
	}
	return nil, nil
}

// stormBuffer stands for a jitter buffer: it counts what comes.
type stormBuffer struct {
	newest uint32
	begun  bool
	heard  time.Duration
}

func (b *stormBuffer) Push(_ time.Duration, frames []jitter.Frame) {
	for _, f := range frames {
		if !b.begun || f.Number > b.newest {
			b.begun, b.newest = true, frames[0].Number
			if len(f.Data) > 0 {
				b.heard += netproto.FrameDuration
			}
		}
	}
}

func (b *stormBuffer) Pull(_ time.Duration, out []float32)         { clear(out) }
func (b *stormBuffer) Active() bool                                { return false }
func (b *stormBuffer) Stats() jitter.Stats                         { return jitter.Stats{Decoded: b.heard} }
func (b *stormBuffer) SetPathDelay(time.Duration)                  {}
func (b *stormBuffer) Expect(time.Duration, uint32, time.Duration) {}
func (b *stormBuffer) End(time.Duration, uint32)                   {}
