package relay

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

// room is the people who hear each other.
type room struct {
	// Static.
	name    string
	worker  int // its sessions' IDs are this modulo workers
	workers int

	// Read by workers without a lock, replaced under Core.mu.
	listeners atomic.Pointer[Listeners]

	pending atomic.Pointer[queue] // of the worker that has it
	stage   *stage                // nil: everyone is heard
	repairs repairs
	entry   entry // of the worker that keeps repairs

	// Guarded by Core.mu.
	members   []*session  // in the order in which they came, which is that of their IDs
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

func newRoom(name string, worker, workers, talkers int) *room {
	r := &room{name: name, worker: worker, workers: workers, secret: randomKey(), fresh: true}
	if talkers > 0 {
		r.stage = &stage{places: make([]*session, talkers)}
	}
	r.listeners.Store(&Listeners{built: make([]any, workers)})
	return r
}

func (r *room) users() UserList {
	l := UserList{
		Names: make([]string, len(r.members)), Sessions: make([]uint32, len(r.members)), Version: r.version,
		left: r.left, forgotten: r.forgotten,
	}
	for i, s := range r.members {
		l.Names[i], l.Sessions[i] = s.name, s.id
		if s.turn.holds.Load() {
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

// rebuild replaces the listeners by those members who can be sent to.
func (r *room) rebuild() {
	l := &Listeners{built: make([]any, r.workers)}
	live := make([]*session, 0, len(r.members))
	for _, s := range r.members {
		switch {
		case !s.live.Load() || s.deaf.Load():
		case s.apart.Load():
			l.apart = append(l.apart, s)
		default:
			live = append(live, s)
		}
	}
	slices.SortFunc(live, func(a, b *session) int { return int(int64(a.id) - int64(b.id)) })
	l.ids, l.paths = make([]uint32, len(live)), make([]Path, len(live))
	for i, s := range live {
		l.ids[i], l.paths[i] = s.id, *s.path.Load()
	}
	r.listeners.Store(l)
}

// Listeners is where the voice of one room goes: a list that never changes.
// Joins, leaves and moves make a new one.
type Listeners struct {
	ids   []uint32 // rising
	paths []Path
	built []any // per worker
	// apart are those who cannot have everything, and are looked after one by one.
	apart []*session
}

// Len returns the number of listeners.
func (l *Listeners) Len() int { return len(l.ids) }

// Paths returns the ways to the listeners. It belongs to the Listeners.
func (l *Listeners) Paths() []Path { return l.paths }

// Built is a place where the Output of the worker with this index may keep
// what it has prepared for this list; no other worker touches it.
func (l *Listeners) Built(worker int) *any { return &l.built[worker] }

// index returns the session's place in the list.
func (l *Listeners) index(id uint32) (int, bool) { return slices.BinarySearch(l.ids, id) }
