package engine

import (
	"bytes"
	"crypto/ecdh"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"maps"
	"slices"
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

// attendance is who is in the room by the relay's word, as the keys of an epoch are made of it.
//
//	lists, to the one with MEDIA_KEY ──> members ─┐
//	our own line, from here ──────────────────────┼──> room secret ─┬─> what we seal with
//	passphrase ───────────────────────────────────┘                 │
//	a sender key, random, in each epoch ────────────────────────────┤
//	our X25519 key, and another's in its line ──> wraps it ─────────┘──> KEYS, for each other
//
// Our own line is never the relay's word: so the secret has what is fresh of ours in it, whatever the relay tells. It
// is owned by Join, then by keepControl.
type attendance struct {
	room    string
	key     netproto.PassphraseKey
	own     netproto.Member
	private *ecdh.PrivateKey
	seed    [sha256.Size]byte // of our sender keys
	members map[uint32]netproto.Member
	last    map[uint32]netproto.Member // those of the last epoch
	shared  map[uint32]shared          // with those of them who have our passphrase
	epochs  [netproto.EpochWindow]begun
	newest  uint32
	early   []netproto.Wrapping // for an epoch whose list has not come
}

// shared is what X25519 gives us and somebody else, as long as that one is the same.
type shared struct {
	fresh  []byte
	secret []byte // nil: the other's key is none
}

// begun is an epoch as we take part in it.
type begun struct {
	number uint32
	secret netproto.RoomSecret // the room's
	keyed  bool                // everybody has a sender key, besides
	seals  netproto.RoomSecret // by which we seal
	began  time.Duration       // when we were told
	grace  time.Duration       // until we do at the latest, if the relay has our keys
	awaits []uint32            // who heard us before, and has not sent a sender key; we, while ours have not come back
	keys   []netproto.Wrapping // what we seal with, for each other
}

// hear has a listener hear what is said in it.
func (b *begun) hear(now time.Duration, l *Listener, foreign map[uint32]bool) {
	if !b.keyed {
		l.SetSecret(now, b.number, b.secret)
		return
	}
	l.SetEpoch(now, b.number)
	var no netproto.RoomSecret // nobody has it
	_, _ = rand.Read(no[:])
	for session, is := range foreign {
		if is { // nobody waits for its key: what it seals is not for us
			l.SetTalkerSecret(now, session, b.number, no)
		}
	}
}

// entry is what all attempts to get one session have in common: the relay gives them the same one, as the answer to any
// of them may be lost.
type entry struct {
	attempt []byte           // for the relay alone
	private *ecdh.PrivateKey // of the session, and nothing else
	seed    [sha256.Size]byte
	fresh   []byte // what is brought to the session, which the relay passes on to everyone in the room
}

func (c *Config) newEntry() entry {
	e := entry{attempt: make([]byte, netproto.AttemptSize)}
	_, _ = rand.Read(e.attempt) // never fails
	_, _ = rand.Read(e.seed[:])
	e.private, _ = ecdh.X25519().GenerateKey(rand.Reader)
	f := netproto.NewFresh([netproto.PublicSize]byte(e.private.PublicKey().Bytes()), c.key, c.Room, c.Name)
	if e.fresh = f[:]; c.identified() {
		e.fresh = f.Sign(c.Identity, c.key, c.Room, c.Name)
	}
	return e
}

// newAttendance is that of a session that begins.
func (c *Config) newAttendance(session uint32, e entry) attendance {
	a := attendance{room: c.Room, key: c.key, own: netproto.Member{Name: c.Name}}
	a.begin(session, e)
	return a
}

// begin begins with nobody, under another session.
func (a *attendance) begin(session uint32, e entry) {
	a.own.Session, a.own.Fresh, a.private, a.seed = session, e.fresh, e.private, e.seed
	a.members, a.last, a.shared, a.early = nil, nil, nil, nil
	a.epochs, a.newest = [netproto.EpochWindow]begun{}, 0
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

// epoch returns the epoch that a list begins, nil if there is none that is newer than all before. known tells whether
// the list has our own line as it is.
func (a *attendance) epoch(now time.Duration, list *netproto.SendNewUsers) (b *begun, known bool) {
	known = same(a.members[a.own.Session], a.own)
	if list.MediaKey == nil || list.Epoch <= a.newest {
		return nil, known
	}
	a.newest = list.Epoch
	b = a.of(list.Epoch)
	*b = begun{number: list.Epoch, began: now}
	e := netproto.Epoch{Room: a.room, Number: list.Epoch, MediaKey: list.MediaKey, Members: []netproto.Member{a.own}}
	a.share()
	b.keyed = len(a.shared) < netproto.MaxKeyed
	came, stayed := false, false // others
	back := a.back()
	for session, m := range a.members {
		if session == a.own.Session {
			continue
		}
		e.Members = append(e.Members, m)
		there := same(m, a.last[session])
		came, stayed = came || !there, stayed || there
		if _, ours := a.shared[session]; ours && there && !back[m.Name] {
			b.awaits = append(b.awaits, session)
		}
	}
	if b.keyed && len(a.shared) > 0 {
		b.awaits = append(b.awaits, a.own.Session)
	}
	switch {
	case came && stayed && b.keyed:
		b.grace = netproto.EpochGrace
	case came && stayed:
		b.grace = netproto.EpochGraceCrowded
	case stayed:
		b.grace = netproto.EpochGraceLeft
	}
	a.last = maps.Clone(a.members)
	b.secret = e.Secret(a.key)
	b.seals = b.secret
	if b.keyed {
		a.wrap(b)
	}
	return b, known
}

// back are the names of those with our passphrase who have come. Who was there before under such a name is most likely
// the same one, whose relay or connection died: nobody is to wait for a sender key of that session.
func (a *attendance) back() map[string]bool {
	names := make(map[string]bool)
	for session := range a.shared {
		if m := a.members[session]; !same(m, a.last[session]) {
			names[m.Name] = true
		}
	}
	return names
}

// waits is how long from now on it waits at most until we use it, as far as is known.
func (b *begun) waits(now time.Duration, own uint32) time.Duration {
	switch {
	case b.keyed && len(b.awaits) == 0:
		return 0
	case b.grace > 0 && slices.Contains(b.awaits, own):
		return netproto.EpochGraceUnsent
	}
	return max(b.began+b.grace-now, 0)
}

// of is where an epoch has its place, if it is one of the newest.
func (a *attendance) of(number uint32) *begun { return &a.epochs[number%netproto.EpochWindow] }

// share finds out who has our passphrase, and what is shared with them.
func (a *attendance) share() {
	was := a.shared
	a.shared = make(map[uint32]shared)
	for session, m := range a.members {
		if session == a.own.Session || len(m.Fresh) == 0 {
			continue
		}
		if s, ok := was[session]; ok && bytes.Equal(s.fresh, m.Fresh) && same(m, a.last[session]) {
			a.shared[session] = s
		} else if !a.foreign(session) {
			a.shared[session] = shared{fresh: m.Fresh}
		}
	}
}

// wrap makes our sender key of an epoch: the same one where a list is taken again (see successor).
func (a *attendance) wrap(b *begun) {
	mac := hmac.New(sha256.New, a.seed[:])
	mac.Write(b.secret[:])
	var key netproto.SenderKey
	copy(key[:], mac.Sum(nil))
	b.seals = b.secret.With(key)
	for session, s := range a.shared {
		if s.secret == nil {
			public, err := ecdh.X25519().NewPublicKey((*netproto.Fresh)(s.fresh).Public())
			if err == nil {
				s.secret, err = a.private.ECDH(public)
			}
			if err != nil {
				continue // a key that is none: nobody would keep what we say to it for itself
			}
			a.shared[session] = s
		}
		b.keys = append(b.keys, key.Wrap(b.secret, s.secret, b.number, a.own.Session, session))
	}
	if len(b.keys) > 0 {
		b.keys = append(b.keys, netproto.Wrapping{Session: a.own.Session, Epoch: b.number})
	}
}

// unwrap returns by what somebody seals in an epoch. What comes before the list of its epoch is kept until then.
func (a *attendance) unwrap(w *netproto.Wrapping) (secret netproto.RoomSecret, ok bool) {
	b, s := a.of(w.Epoch), a.shared[w.Session]
	if w.Epoch > a.newest && len(a.early) < maxEarly {
		a.early = append(a.early, *w)
	}
	if b.number != w.Epoch || !b.keyed {
		return secret, false
	}
	var key netproto.SenderKey
	if s.secret != nil {
		key, ok = w.Unwrap(b.secret, s.secret, w.Session, a.own.Session)
	}
	if ok || w.Session == a.own.Session {
		b.awaits = slices.DeleteFunc(b.awaits, func(session uint32) bool { return session == w.Session })
	}
	return b.secret.With(key), ok
}

// maxEarly bounds what is kept of epochs to come.
const maxEarly = 2 * netproto.MaxKeyed

// due returns what came before the list of the newest epoch.
func (a *attendance) due() []netproto.Wrapping {
	early := a.early
	a.early = nil
	return early
}

// foreign tells whether somebody has another passphrase, or just one of us has one.
func (a *attendance) foreign(session uint32) bool {
	m := a.members[session]
	if len(m.Fresh) == 0 {
		return false // no voice
	}
	return !(*netproto.Fresh)(m.Fresh).Knows(a.key, a.room, m.Name)
}
