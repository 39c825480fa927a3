package rooms

import (
	"cmp"
	"slices"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/forward"
	"github.com/tincan-voice/tincan/netproto"
)

// Update is what the members of one room have to be told.
type Update struct {
	Room  string
	Users UserList
	// NewUsers: Users has changed since the last Update.
	NewUsers bool
	// NewEpoch: someone with the keys has left, and this is the new secret.
	NewEpoch bool
	Secret   netproto.RoomSecret
	Epoch    uint32
}

const (
	// epochInterval is the least time between two epochs of one room.
	epochInterval = time.Second
	// listPace is the least time between two user lists of a room, for each of its
	// members, and maxListPace the most: so a room's lists cost a thousand
	// packages per second or its size, whatever happens in it.
	listPace    = time.Millisecond
	maxListPace = time.Second
)

// room is the people who hear each other. It is guarded by Core.mu, but for what the Workers have of it.
type room struct {
	forward.Room
	name string

	members   []*member   // in the order of their IDs, which is that in which they came until IDs begin anew
	left      []departure // the last to leave, oldest first; what is in it never changes
	secret    netproto.RoomSecret
	epoch     uint32
	version   uint64
	forgotten uint64        // see UserList
	dirty     bool          // the members have an old user list
	listed    time.Duration // when the last user list went out
	stale     bool          // someone who is gone knows the secret
	rotated   time.Duration // when the epoch began
	fresh     bool          // neither listed nor rotated mean anything yet
}

// member is one client's membership in a room. It is guarded by Core.mu, but for what the Workers have of it.
type member struct {
	forward.Session

	// Static.
	room   *room
	name   string
	voice  int
	joined time.Duration
	key    netproto.HopKey // the session's and the relay's; only with voice

	candidates []candidate   // that have been challenged and have not answered: two at most
	asked      time.Duration // last challenge, also of a path that is its own now
	resume     resume
}

// enter adds a member. Whoever is not the last one by its ID is not in the rest of a list that is told in part: then all get it
// from its beginning.
func (r *room) enter(m *member) {
	place, _ := slices.BinarySearchFunc(r.members, m.ID, func(o *member, id uint32) int { return cmp.Compare(o.ID, id) })
	if place < len(r.members) {
		r.forgotten = r.version
	}
	r.members = slices.Insert(r.members, place, m)
}

// membership is what the member is told when it comes, or comes back.
func (m *member) membership() Membership {
	known := Membership{Session: m.ID, HopKey: m.key, Secret: m.room.secret, Epoch: m.room.epoch, Users: m.room.users()}
	if m.voice > 0 {
		known.Resume = m.resume.next.encode(m.ID)
	}
	return known
}

func (r *room) users() UserList {
	l := UserList{
		Names: make([]string, len(r.members)), Sessions: make([]uint32, len(r.members)), Version: r.version,
		left: r.left, forgotten: r.forgotten,
	}
	for i, m := range r.members {
		l.Names[i], l.Sessions[i] = m.name, m.ID
		if m.Talks() {
			l.talkers = append(l.talkers, i)
		}
	}
	return l
}

// update returns what the members have to be told now, and when to ask again
// if something is left.
func (r *room) update(now time.Duration) (u Update, next time.Duration) {
	pace := min(time.Duration(len(r.members))*listPace, maxListPace)
	listAt, rotateAt := r.listed+pace, r.rotated+epochInterval
	if r.fresh {
		listAt, rotateAt = now, now
	}
	if r.dirty && now >= listAt {
		r.dirty, r.listed = false, now
		u.NewUsers = true
		r.SetList(uint16(r.version))
	}
	if r.stale && now >= rotateAt {
		r.stale, r.rotated = false, now
		r.secret, r.epoch = randomKey(), r.epoch+1
		u.NewEpoch = true
	}
	if u.NewUsers || u.NewEpoch {
		r.fresh = false
		u.Room, u.Users, u.Secret, u.Epoch = r.name, r.users(), r.secret, r.epoch
	}
	switch {
	case r.dirty && r.stale:
		next = min(listAt, rotateAt)
	case r.dirty:
		next = listAt
	case r.stale:
		next = rotateAt
	}
	return u, next
}

// relist has voice sent to the members who can be sent to now.
func (r *room) relist() {
	sessions := make([]*forward.Session, len(r.members))
	for i, m := range r.members {
		sessions[i] = &m.Session
	}
	r.SetListeners(sessions)
}
