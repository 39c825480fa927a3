package rooms

import (
	"crypto/rand"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/forward"
	"github.com/tincan-voice/tincan/internal/relay/mend"
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
	// session, wherever they go: a lost one is soon repeated, and nobody can
	// make a session move, or a stranger be asked, more often than that.
	challengeInterval = 100 * time.Millisecond
	challengeLife     = 10 * time.Second
	challengeSize     = netproto.HeaderSize + 8 + netproto.TagSize
)

// candidate is an address that has been challenged.
type candidate struct {
	path  forward.Path // without a valid address: none
	token [8]byte
	since time.Duration
	asked time.Duration // last challenge of the session, also of an address that is its own now
}

// keeper is the Core as its Workers see it.
type keeper struct{ c *Core }

// Challenge implements forward.Keeper: it wakes a silent session at its own address, or says what to ask at
// another one. The answer never has more bytes than the datagram.
func (k keeper) Challenge(now time.Duration, s *forward.Session, from forward.Path, size int) (token [8]byte, ask bool) {
	k.c.mu.Lock()
	defer k.c.mu.Unlock()
	m := k.member(s)
	if m == nil {
		return token, false // has left
	}
	if p, ok := m.Path(); ok && p == from {
		m.settle(from)
		return token, false
	}
	d := &m.candidate
	if size < challengeSize || now-d.asked < challengeInterval {
		return token, false
	}
	if d.path != from || now-d.since > challengeLife {
		d.path, d.since = from, now
		_, _ = rand.Read(d.token[:]) // never fails
	}
	d.asked = now
	return d.token, true
}

// Proven implements forward.Keeper.
func (k keeper) Proven(s *forward.Session, from forward.Path, token [8]byte) bool {
	k.c.mu.Lock()
	defer k.c.mu.Unlock()
	m := k.member(s)
	if m == nil || m.candidate.path != from || m.candidate.token != token {
		return false
	}
	m.settle(from)
	return true
}

// Change implements forward.Keeper: it makes new lists of listeners.
func (k keeper) Change(wishes []mend.Wish) {
	k.c.mu.Lock()
	defer k.c.mu.Unlock()
	for _, w := range wishes {
		if m := k.c.members[w.ID]; m != nil {
			m.Deaf.Store(w.Deaf)
			m.Apart.Store(w.Apart)
			m.room.relist()
		}
	}
}

// member returns whose session it is, or nil if it has left.
func (k keeper) member(s *forward.Session) *member {
	if m := k.c.members[s.ID]; m != nil && &m.Session == s {
		return m
	}
	return nil
}

// settle makes from the member's address and sends it voice.
func (m *member) settle(from forward.Path) {
	m.Settle(from)
	m.candidate = candidate{asked: m.candidate.asked}
	m.room.relist()
}
