package forward

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/mend"
)

// Room is those who hear each other.
type Room struct {
	worker int // static: its sessions' IDs are this modulo workers

	listeners atomic.Pointer[listeners] // replaced by the keeper of the rooms
	pending   atomic.Pointer[outgoing]  // of the worker that has it
	list      atomic.Uint32             // number of the user list that was told last

	// mu is held for computing only, never while anything is sent.
	mu    sync.Mutex
	stage *stage // nil: everyone is heard
	mend  mend.Room
	timer *Worker // has the room on its agenda; nil: nobody needs to
	went  uint16  // datagrams of voice that were forwarded, whoever's, modulo 65536

	entry entry // the timer's own
}

// Init makes a Room without listeners, for that one of so many workers. At most so many talkers are heard at a
// time; 0 or below: all.
func (r *Room) Init(worker, workers, talkers int) {
	r.worker = worker
	if talkers > 0 {
		r.stage = &stage{places: make([]*turn, talkers)}
	}
	r.listeners.Store(&listeners{main: newVector(workers), also: newVector(workers), trunks: newVector(workers)})
}

// Worker is the index of the worker that its datagrams are steered to.
func (r *Room) Worker() int { return r.worker }

// SetList tells the number of the user list that its sessions are told now, for the answers to their probes.
func (r *Room) SetList(number uint16) { r.list.Store(uint32(number)) }

// SetListeners replaces the listeners by those of its sessions that can be sent to and want voice, trunks to peers
// by their IDs, and so many far ones behind those. The keeper sets them one at a time.
func (r *Room) SetListeners(sessions, trunks []*Session, far int) {
	workers := len(r.listeners.Load().main.groups)
	l := &listeners{main: newVector(workers), also: newVector(workers), trunks: newVector(workers), far: far}
	for _, s := range trunks {
		l.trunks.add(s.ID, s.ways.Load().use[0].Path)
	}
	live := make([]*Session, 0, len(sessions))
	for _, s := range sessions {
		switch {
		case !s.Live() || s.Deaf.Load():
		case s.Apart.Load():
			l.apart = append(l.apart, s)
		default:
			live = append(live, s)
		}
	}
	slices.SortFunc(live, func(a, b *Session) int { return int(int64(a.ID) - int64(b.ID)) })
	l.main.ids, l.main.paths = make([]uint32, 0, len(live)), make([]Path, 0, len(live))
	for _, s := range live {
		use := s.ways.Load().use
		l.main.add(s.ID, use[0].Path)
		if len(use) > 1 {
			l.also.add(s.ID, use[1].Path)
		}
	}
	r.listeners.Store(l)
}

// Wake tells that the program has stood still, see mend.Room.Wake.
func (r *Room) Wake(now time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mend.Wake(now)
}

// listeners is where the voice of one room goes. It never changes, but for the groups.
type listeners struct {
	main vector
	also vector // second paths of some of them
	// apart are those who cannot have everything, and are looked after one by one.
	apart  []*Session
	trunks vector // to peers
	far    int    // who listens there
}

// all is how many there are.
func (l *listeners) all() int { return len(l.main.ids) + len(l.apart) + l.far }

// vector is sessions with a path each.
type vector struct {
	ids    []uint32 // rising
	paths  []Path
	groups []Group // of these paths; each worker's own, made on first use
}

func newVector(workers int) vector { return vector{groups: make([]Group, workers)} }

func (v *vector) add(id uint32, p Path) {
	v.ids, v.paths = append(v.ids, id), append(v.paths, p)
}

// index returns the session's place.
func (v *vector) index(id uint32) (int, bool) { return slices.BinarySearch(v.ids, id) }

// group returns the worker's group of it.
func (w *Worker) group(v *vector) Group {
	g := &v.groups[w.index]
	if *g == nil {
		*g = w.out.Group(v.paths)
	}
	return *g
}
