package rooms

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"slices"
	"time"
)

// A session with voice is there as long as its client shows life in either way: by its control connection, or by
// datagrams. So it outlives a lost connection:
//
//	in touch ---- connection lost ----> held ---- RESUME and PROOF ----> in touch
//	    |                                 |
//	    | Leave                           | Leave, or no datagram and no connection for HoldTime
//	    v                                 v
//	   gone                              gone
//
// A held session has its place in the lists, its keys and all its counters. RESUME is the session's ID and a ticket,
// both of them no secret: who has it and not the hop key can do nothing with it, not even use it up.

// ticket is one use of a session's RESUME.
type ticket [16]byte

// resume is what a member needs to be resumed.
type resume struct {
	next ticket
	// The last one that was used is good again, as the answer may have been lost with the connection. It has
	// the same answer, and so whichever of the two connections lasts leads to the same next ticket.
	last  ticket
	again bool // until the client shows that it has the answer, or HoldTime is over
	used  time.Duration

	attempt  ticket // of those that led to this session; 0: there was one
	answered bool   // the client has shown that it has the answer to it

	held bool
	lost time.Duration // held: the last sign of life of its connection
}

// newTicket returns one that nobody can guess.
func newTicket() (t ticket) {
	_, _ = rand.Read(t[:]) // never fails
	return t
}

// encode returns RESUME.
func (t ticket) encode(session uint32) string {
	return base64.RawURLEncoding.EncodeToString(append(binary.BigEndian.AppendUint32(nil, session), t[:]...))
}

const (
	resumeBytes = 4 + len(ticket{})
	resumeSize  = (resumeBytes*8 + 5) / 6 // in base64
)

func parseResume(s string) (session uint32, t ticket, ok bool) {
	if len(s) != resumeSize {
		return 0, t, false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != resumeBytes {
		return 0, t, false
	}
	return binary.BigEndian.Uint32(b), ticket(b[4:]), true
}

// same takes the same time whatever is in them.
func (t ticket) same(other ticket) bool { return subtle.ConstantTimeCompare(t[:], other[:]) == 1 }

// claimLocked returns the member that a newcomer proves to be, and makes it ready to be resumed the next time. Without
// such a member it returns nil, and nothing has changed.
func (c *Core) claimLocked(now time.Duration, n *Newcomer) *member {
	id, t, ok := parseResume(n.Resume)
	if !ok {
		return nil
	}
	m := c.members[id]
	if m == nil || m.voice == 0 || m.voice != n.Voice || m.name != n.Name || m.room.name != n.Room {
		return nil
	}
	r := &m.resume
	again := r.again && now-r.used < c.cfg.HoldTime && t.same(r.last)
	if !again && !t.same(r.next) || !hmac.Equal(n.Proof, m.key.ResumeProof(n.Resume)) {
		return nil
	}
	if !again {
		r.last, r.next, r.again, r.used = t, newTicket(), true, now
	}
	c.regainLocked(m)
	return m
}

// attemptedLocked returns the member that an attempt before this one has led to, whose answer was lost with its
// connection: nobody else knows of it. Without such a member it returns nil.
func (c *Core) attemptedLocked(n *Newcomer) (*member, error) {
	r := c.rooms[n.Room]
	if r == nil || len(n.Attempt) != len(ticket{}) {
		return nil, nil
	}
	t := ticket(n.Attempt)
	i := slices.IndexFunc(r.members, func(m *member) bool {
		return m.resume.attempt.same(t) && m.name == n.Name && m.voice == n.Voice
	})
	if i < 0 || t == (ticket{}) {
		return nil, nil
	}
	m := r.members[i]
	if m.resume.answered || m.Heard() > 0 {
		return nil, ErrLate
	}
	c.regainLocked(m)
	return m, nil
}

// regainLocked takes that a member has a connection again.
func (c *Core) regainLocked(m *member) {
	m.resume.held = false
	delete(c.held, m.ID)
}

// Answered tells that the client has the answer to its name: its last RESUME and its attempts are of no use from then on.
func (c *Core) Answered(id uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m := c.members[id]; m != nil {
		m.resume.again, m.resume.answered = false, true
	}
}

// Lose tells that the control connection of a session has ended without a farewell, and when it showed life for the
// last time. It reports whether the session is held for its client to come back; else it has left.
func (c *Core) Lose(id uint32, alive time.Duration) (held bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.members[id]
	switch {
	case m == nil:
		return false
	case m.voice == 0 || c.cfg.HoldTime <= 0:
		c.leaveLocked(m)
		return false
	}
	m.resume.held, m.resume.lost = true, alive
	c.held[id] = m
	return true
}

// Expire ends the sessions that have been held for long enough without a sign of life, and returns them, and those that
// have ended as their numbers are used up. It looks once per second at most; Tick says when to call it again.
func (c *Core) Expire(now time.Duration) (ended []uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now < c.expire {
		return nil
	}
	c.expire = now + sweepInterval
	for id, m := range c.held {
		if now-max(m.resume.lost, m.Heard(), c.woke) >= c.cfg.HoldTime {
			c.leaveLocked(m)
			ended = append(ended, id)
		}
	}
	ended, c.worn = append(ended, c.worn...), nil
	slices.Sort(ended)
	return ended
}
