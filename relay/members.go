package relay

import (
	"errors"
	"log/slog"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/cluster"
	"github.com/tincan-voice/tincan/internal/relay/rooms"
	"github.com/tincan-voice/tincan/netproto"
)

// attach gives a client its outbox. It fails when the relay is closing.
func (s *Server) attach(c *client) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return rooms.ErrClosing
	}
	c.out = &outbox{
		client: c, done: make(chan struct{}),
	}
	return nil
}

// join puts a client into its room, or gives it the session that it proves to have. User list and SESSION are in its
// outbox before anybody else can put anything there.
func (s *Server) join(c *client, p netproto.SendNickname) error {
	voice := min(p.Voice, netproto.Version)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return rooms.ErrClosing
	}
	g, err := s.greetLocked(c, p)
	if err != nil {
		return err
	}
	m, err := s.core.Join(s.now(), rooms.Newcomer{
		Room: p.Room, Name: p.Name, Voice: voice, Cap: p.Cap, Fresh: p.Fresh, Muted: s.mutedUntil(g),
		Resume: p.Resume, Proof: p.Proof, Attempt: p.Attempt,
	})
	switch {
	case errors.Is(err, rooms.ErrClosing):
		c.send(s.farewellLocked())
		return err
	case err != nil:
		return err
	}
	if old := s.sessions[m.Session]; old != nil && old.number > c.number {
		return rooms.ErrLate // words of a connection that its client has given up long ago
	}
	s.admission.settle(s.now(), c.entry)
	s.takeOverLocked(m.Session, c)
	c.session, c.voice, c.version = m.Session, voice, m.Users.Version
	g.mutedAs = s.guests[m.Session].mutedAs // if it was there
	s.guests[m.Session] = g
	session := netproto.Session{Session: m.Session}
	if voice > 0 {
		session.Voice, session.HopKey, session.Resume = voice, m.HopKey[:], m.Resume
		session.Keys, session.Recorders = m.Keys, m.Recorders
		session.Mute = s.mutedFor(s.mutedUntil(g))
		if m.Resumed { // a mute may have ended meanwhile
			session.Mute = max(session.Mute, 1)
		}
		if g.token != nil {
			session.Rights = g.token.Rights
		}
	}
	c.out.named(voice > 0, rooms.NewRoster(m.Users), appendPackage(session))
	if s.drain != nil { // when its connection was lost
		c.send(s.farewellLocked())
	}
	c.answering = voice > 0
	if m.Resumed {
		if until := s.mutedUntil(g); until > 0 {
			s.core.Mute(m.Session, until)
		}
		s.note(slog.LevelDebug, c.from.Addr(), "resumed", "session", m.Session, "from", c.from, "tls", c.tls)
		return nil
	}
	s.wake()
	args := []any{"session", m.Session, "name", p.Name, "room", p.Room, "from", c.from, "tls", c.tls, "voice", voice}
	if g.token != nil {
		args = append(args, "token", g.token.ID)
	}
	s.note(slog.LevelDebug, c.from.Addr(), "joined", args...)
	return nil
}

// pass tells the others of the room a client's sender key, and whether it records.
func (s *Server) pass(c *client, p netproto.ClientPort) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sessions[c.session] != c {
		return // it goes on with another connection
	}
	if s.core.Record(c.session, p.Record) {
		s.wake()
	}
	passed := s.core.Pass(c.session, p.Keys)
	s.tellKeysLocked(passed)
	s.passOn(s.guests[c.session].room, c.session, passed)
}

// forget ends what the server knows of a connection.
func (s *Server) forget(c *client) {
	s.leave(c)
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
	s.admission.leave(c.entry)
	s.mayKeep(c, 0)
}

// mayKeep notes how much of a package without its end a client has sent. It reports
// false when that is too much, with all others'.
func (s *Server) mayKeep(c *client, begun int) bool {
	sum := s.begun.Add(int64(begun - c.begun))
	more := begun > c.begun
	c.begun = begun
	return !more || sum <= int64(s.cfg.MaxBegun)
}

// wake makes the announcer look at once.
func (s *Server) wake() {
	ring(s.kick)
	if s.mesh != nil {
		ring(s.mesh.kick)
	}
}

// announce is the goroutine that tells rooms what Core says they have to be told.
func (s *Server) announce() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	due := s.now()
	reviewed := due // the tokens
	for {
		select {
		case <-s.stop:
			return
		case <-s.kick:
		case <-timer.C:
		}
		now := s.now()
		if now-due > standstill {
			s.core.Wake(now)
		}
		s.expire(now)
		if s.cfg.TokenFile != "" && now >= reviewed+tokenReview {
			reviewed = now
			s.reviewTokens()
		}
		updates, next := s.core.Tick(now)
		due = next
		for _, u := range updates {
			s.tell(u)
			if u.Epoch != nil {
				s.mesh.do(func(n *cluster.Node) { n.Announce(u) })
			}
		}
		recorders, then := s.core.TickRecorders(now)
		for _, u := range recorders {
			s.tellRecorders(u)
		}
		timer.Reset(min(next, then) - s.now())
	}
}

// tellRecorders tells the members of a room who records it.
func (s *Server) tellRecorders(u rooms.Recorders) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range u.To {
		if to := s.sessions[id]; to != nil {
			to.send(netproto.Session{Session: id, Voice: to.voice, Recorders: u.Sessions})
		}
	}
}

// tell puts an update into the outboxes for the members of its room.
func (s *Server) tell(u rooms.Update) {
	users := rooms.NewRoster(u.Users)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range u.Users.Sessions {
		c := s.sessions[id]
		if c == nil {
			continue // has just left
		}
		// A newcomer has the list already, without its epoch.
		if c.version < u.Users.Version || c.version == u.Users.Version && c.voice > 0 {
			c.version = u.Users.Version
			c.out.tell(users)
		}
	}
}
