package engine

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

// A relay that ends and says how long it still serves is left for another one without a gap: the new connection is made
// before the old one is broken.
//
//	SERVER_CLOSE ──> wait, up to half of the time ──> join, prove our address ──> at three quarters: change over
//	                 (by chance, so that all do not come at once)                  (all together, as those who have and
//	voice: the old relay's ........................................................  who have not do not hear each other)
//
// Where that fails before its time the call stays until the old connection is lost, and comes back from there.

const (
	// proveEvery is how often a relay is asked for a challenge until it has sent one, and keepEvery how often a path is
	// kept open.
	proveEvery = 200 * time.Millisecond
	keepEvery  = time.Second
	// settleRead bounds how late it is noticed that the old relay is lost.
	settleRead = 100 * time.Millisecond
	// maxHeard bounds how many packages of the next relay are kept.
	maxHeard = 1 << 12
)

// serverClosed is the error of SERVER_CLOSE.
type serverClosed struct{ netproto.ServerClose }

// Error implements error.
func (e *serverClosed) Error() string {
	text := ErrServerClosed.Error() + ": " + orNoReason(e.Reason)
	if e.Relay != "" && !leads(e.ServerClose) {
		text += "; its clients go to " + e.Relay
	}
	return text
}

// Unwrap has errors.Is find ErrServerClosed.
func (*serverClosed) Unwrap() error { return ErrServerClosed }

// successor is a connection to the relay to change over to, and the way to it by UDP.
type successor struct {
	ctl   *control
	hello welcome
	link  *link
	conn  DatagramConn
	to    *dialer
}

// Close leaves it.
func (s *successor) Close() {
	s.ctl.Close()
	s.conn.Close()
	s.to.close()
}

// attend sends the next relay our sender keys until end is called, so that all who change over at one moment have each
// other's before. What the relay says meanwhile is taken in again after that.
func (s *successor) attend(a attendance) (end func()) {
	take := func(list netproto.SendNewUsers) {
		if len(list.Sessions) != len(list.Users) {
			return
		}
		a.take(&list)
		if b, _ := a.epoch(0, &list); b != nil && len(b.keys) > 0 {
			_ = s.ctl.sendPort(netproto.ClientPort{Port: int(localOf(s.conn).Port()), Keys: b.keys}) // next notices the end
		}
	}
	for _, list := range s.hello.users {
		take(list)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		var heard []netproto.Package
		for len(heard) < maxHeard {
			p, err := s.ctl.next()
			if err != nil {
				break
			}
			heard = append(heard, p)
			if list, ok := p.(netproto.SendNewUsers); ok {
				take(list)
			}
		}
		s.ctl.again = heard
	}()
	return func() {
		_ = s.ctl.conn.SetReadDeadline(time.Unix(1, 0))
		<-done
		_ = s.ctl.conn.SetReadDeadline(time.Time{})
	}
}

// move is how a call goes to another relay while the old one still serves.
type move struct {
	hurry context.CancelFunc // ends it: with what there is
	done  chan struct{}      // closed when it has ended
	next  *successor         // nil: there is none; written before done closes
}

// sentTo notes where a relay that closes sends us, and returns where that is.
func (c *Call) sentTo(p netproto.ServerClose) netproto.ServerClose {
	c.returning.Lock()
	defer c.returning.Unlock()
	c.comeback.sentTo(p)
	return c.comeback.sent
}

// startMove begins to go to another relay, and wakes the reader of ctl when it is time to change over.
func (c *Call) startMove(ctl *control, p, to netproto.ServerClose) *move {
	now, left := c.now(), time.Duration(p.Time)*time.Second
	c.events.add(RelayCloses{Reason: p.Reason, Time: left, Relay: p.Relay})
	ctx, cancel := context.WithCancel(c.running)
	m := &move{hurry: cancel, done: make(chan struct{})}
	c.loops.Go(func() {
		defer close(m.done)
		defer cancel()
		if m.next = c.succeed(ctx, to, rand.N(left/2)); m.next == nil {
			return
		}
		attended := m.next.attend(c.cfg.newAttendance(m.next.link.session, m.next.hello.entry))
		c.settle(ctx, m.next, now+left*3/4)
		attended()
		_ = ctl.conn.SetReadDeadline(time.Unix(1, 0))
	})
	return m
}

// end ends a move, and returns what it has come to.
func (m *move) end() *successor {
	if m == nil {
		return nil
	}
	m.hurry()
	<-m.done
	return m.next
}

// succeed joins the next relay after a while, and tries again until ctx ends. One that closes is not asked again:
// nobody has taken its place yet.
func (c *Call) succeed(ctx context.Context, to netproto.ServerClose, wait time.Duration) (next *successor) {
	d, err := newDialer(c.running, c.cfg.at(to))
	if err != nil {
		return nil
	}
	defer func() {
		if next == nil {
			d.close()
		}
	}()
	b := comeback{random: rand.Float64}
	b.lost(c.now(), ErrServerClosed)
	e := c.cfg.newEntry()
	for b.due = c.now() + wait; ; {
		timer := time.NewTimer(b.due - c.now())
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
		limit, _ := b.try(c.now(), c.roundTrip())
		trying, cancel := context.WithTimeout(ctx, limit)
		ctl, hello, err := enter(trying, d, netproto.Session{}, e)
		cancel()
		if err == nil {
			next = &successor{ctl: ctl, hello: hello, to: d}
			if next.link, err = newLink(ctl, hello.session, c.link.Load().traffic); err == nil {
				next.conn, err = next.link.to.Load().dial()
			}
			if err == nil {
				return next
			}
			next = nil
			ctl.Close()
		}
		if errors.Is(err, ErrServerClosed) || b.failed(c.now(), err) != nil {
			return nil
		}
	}
}

// settle proves our address to the next relay, and keeps the way open until then or to the end of ctx.
func (c *Call) settle(ctx context.Context, next *successor, until time.Duration) {
	l, conn, buf := next.link, next.conn, make([]byte, 2048)
	var p path
	p.move(newUDP(conn, l.to.Load()))
	every := proveEvery
	for due := c.now(); ctx.Err() == nil && c.now() < until; {
		if now := c.now(); now >= due && c.allow(now, probeSize) {
			l.send(&p, l.seal(netproto.TypeProbe, netproto.AppendProbe(nil, netproto.Probe{Time: uint32(now.Microseconds())})))
			due = now + every
		}
		_ = conn.SetReadDeadline(time.Now().Add(min(settleRead, until-c.now())))
		n, err := conn.Read(buf)
		if err != nil {
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				time.Sleep(playbackBlock) // a refused port
			}
			continue
		}
		d := buf[:n]
		if t, err := netproto.DatagramType(d); err != nil || t != netproto.TypeChallenge {
			continue
		}
		if body, ok := l.open(nil, d); ok {
			if token, err := netproto.ParseChallenge(body); err == nil {
				l.send(&p, l.seal(netproto.TypeChallengeReply, netproto.AppendChallenge(nil, token)))
				every = keepEvery
			}
		}
	}
	_ = conn.SetReadDeadline(time.Time{})
}

// changeOver takes the connection to the next relay into use in place of the old one, and leaves that.
func (c *Call) changeOver(old *control, next *successor) error {
	if err := c.begins(next.link, next.conn, next.hello); err != nil {
		next.ctl.Close()
		next.to.close()
		return err
	}
	c.uses(next.to)
	old.Close()
	if err := next.ctl.sendPort(c.clientPort(nil)); err != nil {
		next.ctl.Close()
		return gone(err)
	}
	if !c.control.hold(next.ctl) {
		return next.ctl.Close() // the call has ended
	}
	now := c.now()
	c.signs.said.at(now)
	c.probeBy(now, &c.paths[PathUDP], false)
	c.returning.Lock()
	c.comeback.moved()
	c.events.add(Reconnected{Session: next.hello.session.Session})
	c.returning.Unlock()
	c.setRoom(next.hello)
	return nil
}

// at is the Config for the relay where we were sent, or else for our own.
func (c *Config) at(to netproto.ServerClose) Config {
	cfg := *c
	if to.Relay != "" {
		cfg.Address, cfg.vouched, cfg.Fingerprint = to.Relay, to.Fingerprint, ""
	}
	return cfg
}

// maxHops bounds how often a relay may send us on while we join.
const maxHops = 3

// follow joins the relay, or the one that it sends us to as it ends. ctx is the call's, joining bounds this.
func follow(ctx, joining context.Context, cfg Config) (d *dialer, ctl *control, hello welcome, to netproto.ServerClose, err error) {
	for range maxHops {
		if d, err = newDialer(ctx, cfg.at(to)); err != nil {
			break
		}
		if ctl, hello, err = enter(joining, d, netproto.Session{}, cfg.newEntry()); err == nil {
			break
		}
		d.close()
		var closed *serverClosed
		if !errors.As(err, &closed) || !leads(closed.ServerClose) {
			break
		}
		to = closed.ServerClose
	}
	return d, ctl, hello, to, err
}

// dialerTo is the one for the relay where we were sent, or else for our own.
func (c *Call) dialerTo(to netproto.ServerClose) (*dialer, error) {
	if to.Relay == "" {
		return c.home, nil
	}
	if d := c.dialer.Load(); d.cfg.Address == to.Relay && d.cfg.vouched == to.Fingerprint {
		return d, nil
	}
	return newDialer(c.running, c.cfg.at(to))
}

// uses takes the dialer of the relay that has let us in into use.
func (c *Call) uses(d *dialer) {
	if old := c.dialer.Swap(d); old != d && old != c.home {
		old.close()
	}
}
