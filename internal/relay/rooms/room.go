package rooms

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/forward"
	"github.com/tincan-voice/tincan/netproto"
)

// Update is what the members of one room have to be told: who is there in the epoch that begins.
type Update struct {
	Room  string
	Users UserList
	Epoch *Epoch // what other relays are to be told; nil: nobody is
}

const (
	// epochPause is the least time between two epochs of a room, of which each has a user list, when somebody has come.
	// Where that goes on there are epochBurst in a row, and then one in longEpochPause, as where people only leave,
	// when nobody waits to hear: of the four epochs that its members keep, each is used for long enough to be known to
	// those whose TCP is slow. But the first epochs of a room begin at once: after a restart all come back to it within
	// seconds, and whoever is late would wait.
	epochPause     = 200 * time.Millisecond
	longEpochPause = 4 * time.Second
	epochBurst     = 3
	firstEpochs    = 8
)

// room is the people who hear each other. It is guarded by Core.mu, but for what the Workers have of it.
type room struct {
	forward.Room
	name string

	members   []*member   // in the order of their IDs, which is that in which they came until IDs begin anew
	left      []departure // the last to leave, oldest first; what is in it never changes
	version   uint64
	forgotten uint64        // see UserList
	dirty     bool          // the members have an old user list
	epoch     epoch         // the last one
	began     time.Duration // when it did
	owed      time.Duration // longEpochPause for each, less what has passed
	came      bool          // somebody, since then
	untold    bool          // the same, and has a list of its own
	shared    *shared       // nil: the relay is alone

	recordersTold time.Duration // when it was told who records it; 0: never
}

// epoch is what the relay knows of one.
type epoch struct {
	number uint32 // 0: none has begun
	key    [netproto.KeySize]byte
}

// mark tells epochs of one number from each other: relays that do not see each other may begin one each.
func (e *epoch) mark() uint64 {
	sum := sha256.Sum256(e.key[:])
	return binary.BigEndian.Uint64(sum[:])
}

// member is one client's membership in a room. It is guarded by Core.mu, but for what the Workers have of it.
type member struct {
	forward.Session

	// Static.
	room   *room
	name   string
	voice  int
	fresh  []byte
	keys   []netproto.Wrapping // its newest sender key, for others
	joined time.Duration
	// records is what it says of itself: that it records the room.
	records bool
	key     netproto.HopKey // the session's and the relay's; only with voice

	candidates []candidate   // that have been challenged and have not answered: two at most
	asked      time.Duration // last challenge, also of a path that is its own now
	resume     resume
}

// enter adds a member. Whoever is not the last one by its ID is not in the rest of a list that is told in part: then
// all get it from its beginning.
func (r *room) enter(m *member) {
	place, _ := slices.BinarySearchFunc(r.members, m.ID, func(o *member, id uint32) int { return cmp.Compare(o.ID, id) })
	if place < len(r.members) {
		r.forgotten = r.version
	}
	r.members = slices.Insert(r.members, place, m)
}

// membership is what the member is told when it comes, or comes back.
func (m *member) membership() Membership {
	known := Membership{Session: m.ID, HopKey: m.key, Users: m.room.users()}
	if m.voice > 0 {
		known.Resume = m.resume.next.encode(m.ID)
		known.Keys, known.Recorders = m.wrapped(), m.room.recorders()
	}
	return known
}

// users is the list as it is, with its epoch if that has begun.
func (r *room) users() UserList {
	l := r.listOf(r.people())
	if !r.dirty {
		l.epoch = r.epoch
	}
	return l
}

// listOf is a list of these people, by rising sessions.
func (r *room) listOf(people []Member) UserList {
	l := UserList{
		Names: make([]string, len(people)), Sessions: make([]uint32, len(people)), Version: r.version,
		fresh: make([][]byte, len(people)), left: r.left, forgotten: r.forgotten,
	}
	talks := make(map[uint32]bool)
	for _, m := range r.members {
		if m.Talks() {
			talks[m.ID] = true
		}
	}
	r.fars(func(m *farMember) {
		if m.session != nil && m.session.Talks() {
			talks[m.Session] = true
		}
	})
	for i, p := range people {
		l.Names[i], l.Sessions[i], l.fresh[i] = p.Name, p.Session, p.Fresh
		if talks[p.Session] {
			l.talkers = append(l.talkers, i)
		}
	}
	return l
}

// next is when another epoch may begin.
func (r *room) next() time.Duration {
	switch {
	case r.epoch.number == 0:
		return 0
	case r.came && r.epoch.number < firstEpochs:
		return r.began + epochPause
	case r.came:
		return r.began + max(epochPause, r.owed-epochBurst*longEpochPause)
	}
	return r.began + longEpochPause
}

// announce begins an epoch and returns its list.
func (r *room) announce(now time.Duration) Update {
	r.pace(now)
	r.dirty = false
	r.epoch = epoch{r.highest() + 1, randomKey()}
	u := Update{Room: r.name}
	if r.shared != nil {
		u.Epoch = r.announceFar()
	}
	r.SetList(uint16(r.version))
	u.Users = r.users()
	return u
}

// pace notes that an epoch begins.
func (r *room) pace(now time.Duration) {
	r.owed = min(max(r.owed-(now-r.began), 0), epochBurst*longEpochPause) + longEpochPause
	r.began, r.came = now, false
}

// relist has voice sent to the members who can be sent to now.
func (r *room) relist() {
	sessions := make([]*forward.Session, len(r.members))
	for i, m := range r.members {
		sessions[i] = &m.Session
	}
	var trunks []*forward.Session
	far := 0
	if r.shared != nil {
		for _, p := range r.shared.parts {
			if p.trunk != nil {
				trunks = append(trunks, p.trunk)
			}
		}
		r.fars(func(m *farMember) {
			if m.Voice {
				far++
			}
		})
	}
	r.SetListeners(sessions, trunks, far)
}
