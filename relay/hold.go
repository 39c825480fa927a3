package relay

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// Keep-alive of TCP. A peer that is gone without a word is noticed after 15 s + 2 x 5 s = 25 s of silence. A client
// with voice says in its datagrams that it is there, and loses no connection to an outage shorter than the 20 s from
// the first question to the last.
var (
	keepAlive      = net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 2}
	voiceKeepAlive = net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 5}
)

type keepAliver interface {
	SetKeepAliveConfig(k net.KeepAliveConfig) error
}

// deadAfter is the silence after which the kernel gives a client with voice up.
const deadAfter = 40 * time.Second

// heldSession is what is left of the connection of a client that may come back.
type heldSession struct {
	from netip.AddrPort
	tls  bool
}

// patient has the kernel wait for a client with voice, both for an answer and for it to take what was sent.
func (l *link) patient() {
	if k, ok := l.Conn.(keepAliver); ok {
		_ = k.SetKeepAliveConfig(voiceKeepAlive)
	}
	l.setUserTimeout(deadAfter)
}

// gaveUp tells whether an error is the kernel's judgement about a peer of which nothing came for deadAfter, and not
// the word of the peer.
func gaveUp(err error) bool {
	return errors.Is(err, syscall.ETIMEDOUT) || errors.Is(err, syscall.EHOSTUNREACH) || errors.Is(err, syscall.ENETUNREACH)
}

// leave ends what a connection has to do with a session, if it has one. Where it ended without a farewell, the session
// is held.
func (s *Server) leave(c *client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := c.session
	if id == 0 || s.sessions[id] != c {
		return // no session, or it goes on with another connection
	}
	delete(s.sessions, id)
	defer s.drainedLocked()
	if !c.farewell && !s.closing && s.holdLocked(c) {
		s.note(slog.LevelDebug, c.from.Addr(), "connection lost", "session", id, "from", c.from)
		return
	}
	s.core.Leave(id)
	delete(s.guests, id)
	s.wake()
	s.note(slog.LevelDebug, c.from.Addr(), "left", "session", id)
}

// holdLocked holds a session, if it can be held and its address has not too many of them already.
func (s *Server) holdLocked(c *client) bool {
	if !s.admission.hold(c.from.Addr()) {
		return false
	}
	alive := s.now()
	if c.silent || c.out.gaveUp() {
		alive -= deadAfter
	}
	if !s.core.Lose(c.session, alive) {
		s.admission.release(c.from.Addr())
		return false
	}
	s.held[c.session] = heldSession{c.from, c.tls}
	s.wake() // as it may have been dead for long
	return true
}

// takeOverLocked gives a session to a client that has resumed it.
func (s *Server) takeOverLocked(id uint32, c *client) {
	if old := s.sessions[id]; old != nil {
		s.parking.hangUp(old) // which has no session any more
	}
	if h, ok := s.held[id]; ok {
		delete(s.held, id)
		s.admission.release(h.from.Addr())
	}
	s.sessions[id] = c
}

// expire forgets sessions that have been held for long enough.
func (s *Server) expire(now time.Duration) {
	ended := s.core.Expire(now)
	if len(ended) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ended {
		h := s.held[id]
		delete(s.guests, id)
		if h.from.IsValid() {
			delete(s.held, id)
			s.admission.release(h.from.Addr())
		} else if c := s.sessions[id]; c != nil { // whose numbers are used up: its client comes back with another session
			delete(s.sessions, id)
			s.parking.hangUp(c)
		}
		s.note(slog.LevelDebug, h.from.Addr(), "left", "session", id)
	}
	s.drainedLocked()
}

// answered notes that a client has the answer to its name.
func (s *Server) answered(c *client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sessions[c.session] == c {
		s.core.Answered(c.session)
	}
}
