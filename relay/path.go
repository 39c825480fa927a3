package relay

import (
	"crypto/rand"
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

// A session's address is the one from which it has answered a challenge:
//
//	valid, new datagram from elsewhere --> challenge (8 random bytes) to there
//	the same bytes back from there     --> the session has moved there
//
// So nobody who repeats or diverts somebody's datagrams can turn the voice of
// a room on an address that has not asked for it.

const (
	// challengeInterval is the least time between two challenges of one
	// session: a lost one is soon repeated, a client that sends from two
	// addresses at once does not make it move more often than that.
	challengeInterval = 100 * time.Millisecond
	challengeLife     = 10 * time.Second
	challengeSize     = netproto.HeaderSize + 8 + netproto.TagSize
)

// candidate is an address that has been challenged.
type candidate struct {
	path  Path // without a valid address: none
	token [8]byte
	since time.Duration
	asked time.Duration // last challenge
}

// at tells whether the session lives at this address and is sent voice there.
func (s *session) at(from Path) bool {
	p := s.path.Load()
	return p != nil && *p == from && s.live.Load()
}

// strange handles a valid datagram of size bytes from an address where the
// session is not, or where it had fallen silent.
func (w *Worker) strange(now time.Duration, s *session, from Path, size int) {
	token, ask := w.core.challenge(now, s, from, size)
	if !ask {
		return
	}
	w.body = netproto.AppendChallenge(w.body[:0], token)
	w.reply = s.seal(w.reply[:0], netproto.TypeChallenge, w.body)
	w.answer(now, s, from, w.reply)
}

// challenge wakes a silent session at its own address, or says what to ask at
// another one. The answer never has more bytes than the datagram.
func (c *Core) challenge(now time.Duration, s *session, from Path, size int) (token [8]byte, ask bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sessions[s.id] != s {
		return token, false // has left
	}
	if p := s.path.Load(); p != nil && *p == from {
		c.settleLocked(s, from)
		return token, false
	}
	k := &s.candidate
	fresh := !k.path.Remote.IsValid()
	if size < challengeSize || !fresh && now-k.asked < challengeInterval {
		return token, false
	}
	if k.path != from || now-k.since > challengeLife {
		*k = candidate{path: from, since: now}
		_, _ = rand.Read(k.token[:]) // never fails
	}
	k.asked = now
	return k.token, true
}

// proven handles the answer to a challenge.
func (w *Worker) proven(s *session, from Path, body []byte) Drop {
	token, err := netproto.ParseChallenge(body)
	if err != nil {
		return DropMalformed
	}
	c := w.core
	c.mu.Lock()
	defer c.mu.Unlock()
	k := s.candidate
	if c.sessions[s.id] != s || k.path != from || k.token != token {
		return DropPath
	}
	c.settleLocked(s, from)
	return Kept
}

// settleLocked makes from the session's address and sends it voice.
func (c *Core) settleLocked(s *session, from Path) {
	s.path.Store(&from)
	s.candidate = candidate{}
	s.live.Store(true)
	s.room.rebuild()
}
