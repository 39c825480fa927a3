package rooms

import (
	"crypto/rand"
	"slices"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/forward"
	"github.com/tincan-voice/tincan/internal/relay/mend"
	"github.com/tincan-voice/tincan/netproto"
)

// A session's address is the one from which it has answered a challenge:
//
//	valid, new datagram from elsewhere --> challenge (8 random bytes) to there
//	the same bytes back from there     --> the session has moved there, or is there too
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
	// maxCandidates is how many paths of a session may be asked at the same time: somebody with two networks
	// who comes by both.
	maxCandidates = 2
)

// candidate is a path that has been challenged.
type candidate struct {
	path  forward.Path
	token [8]byte
	since time.Duration
}

// candidate returns the one for that path; a new one takes the place of the oldest if need be.
func (m *member) candidate(now time.Duration, from forward.Path) *candidate {
	m.candidates = slices.DeleteFunc(m.candidates, func(c candidate) bool { return now-c.since > challengeLife })
	for i := range m.candidates {
		if c := &m.candidates[i]; c.path == from {
			return c
		}
	}
	if len(m.candidates) == maxCandidates {
		m.candidates = slices.Delete(m.candidates, 0, 1)
	}
	c := candidate{path: from, since: now}
	_, _ = rand.Read(c.token[:]) // never fails
	m.candidates = append(m.candidates, c)
	return &m.candidates[len(m.candidates)-1]
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
	if m.Owns(from) {
		k.settle(now, m, from, true)
		return token, false
	}
	if size < challengeSize || now-m.asked < challengeInterval {
		return token, false
	}
	m.asked = now
	return m.candidate(now, from).token, true
}

// Proven implements forward.Keeper.
func (k keeper) Proven(now time.Duration, s *forward.Session, from forward.Path, r netproto.ChallengeReply) bool {
	k.c.mu.Lock()
	defer k.c.mu.Unlock()
	m := k.member(s)
	if m == nil {
		return false
	}
	i := slices.IndexFunc(m.candidates, func(c candidate) bool { return c.path == from && c.token == r.Token })
	if i < 0 {
		return false
	}
	if m.candidates = slices.Delete(m.candidates, i, i+1); len(m.candidates) == 0 {
		m.candidates = nil
	}
	k.settle(now, m, from, r.Also)
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

// settle makes from the member's path, or one of them, and sends it voice.
func (k keeper) settle(now time.Duration, m *member, from forward.Path, also bool) {
	before := m.Network()
	m.Settle(now, k.c.woke, from, also)
	if m.Network() != before {
		k.c.partChangedLocked(m.room)
	}
	m.room.relist()
}
