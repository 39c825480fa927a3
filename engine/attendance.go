package engine

import (
	"bytes"
	"crypto/rand"
	"maps"
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

// attendance is who is in the room by the relay's word, as the keys of an epoch are made of it.
//
//	lists, to the one with MEDIA_KEY ──> members ─┐
//	our own line, from here ──────────────────────┼──> room secret
//	passphrase ───────────────────────────────────┘
//
// Our own line is never the relay's word: so the secret has what is fresh of ours in it, whatever the relay tells. It is
// owned by Join, then by keepControl.
type attendance struct {
	room    string
	key     netproto.PassphraseKey
	own     netproto.Member
	members map[uint32]netproto.Member
	last    map[uint32]netproto.Member // those of the last epoch
}

// entry is what all attempts to get one session have in common: the relay gives them the same one, as the answer to any
// of them may be lost.
type entry struct {
	attempt []byte // for the relay alone
	fresh   []byte // what is brought to the session, which the relay passes on to everyone in the room
}

func (c *Config) newEntry() entry {
	e, random := entry{attempt: make([]byte, netproto.AttemptSize)}, make([]byte, netproto.FreshRandom)
	_, _ = rand.Read(e.attempt) // never fails
	_, _ = rand.Read(random)
	f := netproto.NewFresh([netproto.FreshRandom]byte(random), c.key, c.Room, c.Name)
	e.fresh = f[:]
	return e
}

// begin begins with nobody, under another session.
func (a *attendance) begin(session uint32, fresh []byte) {
	a.own.Session, a.own.Fresh = session, fresh
	a.members, a.last = nil, nil
}

// take takes a list of who is there, or what is other than in the last ones. It must have as many sessions as users.
func (a *attendance) take(list *netproto.SendNewUsers) {
	if list.Left == nil || a.members == nil {
		a.members = make(map[uint32]netproto.Member, len(list.Sessions))
	}
	for _, session := range list.Left {
		delete(a.members, session)
	}
	for i, session := range list.Sessions {
		m := netproto.Member{Session: session, Name: list.Users[i]}
		if len(list.Fresh) > 0 {
			m.Fresh = list.Fresh[i]
		}
		if len(a.members) < maxUsers {
			a.members[session] = m
		}
	}
}

// same tells whether two lines are the same.
func same(a, b netproto.Member) bool {
	return a.Session == b.Session && a.Name == b.Name && bytes.Equal(a.Fresh, b.Fresh)
}

// epoch returns the secret of the epoch that a list begins, if it does, how long after that it is to be used, and
// whether the list has our own line as it is.
func (a *attendance) epoch(list *netproto.SendNewUsers) (secret netproto.RoomSecret, grace time.Duration, known bool) {
	if list.MediaKey == nil {
		return secret, 0, false
	}
	e := netproto.Epoch{Room: a.room, Number: list.Epoch, MediaKey: list.MediaKey}
	came, stayed := false, false // others
	for session, m := range a.members {
		if session != a.own.Session {
			e.Members = append(e.Members, m)
			came, stayed = came || !same(m, a.last[session]), stayed || same(m, a.last[session])
		}
	}
	e.Members = append(e.Members, a.own)
	switch {
	case came && stayed:
		grace = netproto.EpochGrace
	case stayed:
		grace = netproto.EpochGraceLeft
	}
	a.last = maps.Clone(a.members)
	return e.Secret(a.key), grace, same(a.members[a.own.Session], a.own)
}

// foreign tells whether somebody has another passphrase, or just one of us has one.
func (a *attendance) foreign(session uint32) bool {
	m := a.members[session]
	if len(m.Fresh) != netproto.FreshSize {
		return false // no voice
	}
	return !(*netproto.Fresh)(m.Fresh).Knows(a.key, a.room, m.Name)
}
