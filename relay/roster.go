package relay

import (
	"slices"
	"sort"
	"sync"

	"github.com/tincan-voice/tincan/netproto"
)

const (
	// pageSize is about how many bytes of user list one package holds, so that other
	// packages need not wait for a long one: a second at 64 kbit/s. netproto.MaxPackage
	// is far.
	pageSize = 8 << 10
	// shortList is about how many bytes are not worth a difference: they go in one
	// segment of TCP, as it does, and the whole list is the simpler thing to read.
	shortList = 512
)

// roster is one user list of a room and the packages that tell it. All members
// share it, so that each package is encoded once.
type roster struct {
	users UserList // never changes

	mu    sync.Mutex
	whole []byte         // for clients without VOICE
	steps map[told]*step // for those with
}

// told is how much of its room's user list a client with VOICE knows: the members
// at this version, up to this session. Who comes later has a higher ID than all
// before, so the rest of a list that is not told to its end and those who have
// come since are one and the same.
type told struct {
	version uint64 // 0: nothing
	last    uint32
	more    bool // there are more members, of whom those who talked at first are known too
}

// step is the package that leads from one told to the next.
type step struct {
	data []byte // nil: there is nothing to tell
	then told
}

// maxSteps is how many packages a roster keeps: members who keep up with the
// room's lists need the same ones.
const maxSteps = 8

func newRoster(l UserList) *roster { return &roster{users: l, steps: make(map[told]*step)} }

// all is the whole list for clients that know only TIP_Project's table. If it is larger
// than a package may be, the last to come are left out.
func (r *roster) all() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	for n := len(r.users.Names); r.whole == nil; n -= 1 + n/8 {
		r.whole, _ = netproto.AppendPackage(nil, netproto.SendNewUsers{Users: r.users.Names[:n]})
	}
	return r.whole
}

// next is the next package for a client that knows what it was told.
func (r *roster) next(from told) *step {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.steps[from]
	if s == nil {
		if len(r.steps) == maxSteps {
			clear(r.steps)
		}
		s = r.users.step(from)
		r.steps[from] = s
	}
	return s
}

func (l *UserList) step(from told) *step {
	var p netproto.SendNewUsers
	if from.version < max(l.forgotten, 1) || l.fit(0, shortList) == len(l.Names) {
		from = told{} // the list from its beginning
	} else {
		p.Left = []uint32{}
		for _, d := range l.left {
			if d.version > from.version && (d.session <= from.last || from.more) {
				p.Left = append(p.Left, d.session)
			}
		}
	}
	first := sort.Search(len(l.Sessions), func(i int) bool { return l.Sessions[i] > from.last })
	end := l.fit(first, pageSize)
	s := &step{then: told{l.Version, from.last, end < len(l.Names)}}
	if end > first {
		p.Users, p.Sessions = slices.Clip(l.Names[first:end]), slices.Clip(l.Sessions[first:end])
		s.then.last = l.Sessions[end-1]
	}
	for _, i := range l.talkers {
		if from.version == 0 && i >= end { // is named twice, but need not wait to be heard
			p.Users, p.Sessions = append(p.Users, l.Names[i]), append(p.Sessions, l.Sessions[i])
		}
	}
	if len(p.Users)+len(p.Left) > 0 {
		s.data = appendPackage(p)
	}
	return s
}

// fit is where a page that begins at first ends. Any escape takes at most 3 bytes
// per byte of UTF-8, but for a few of ASCII, and a session ID 12.
func (l *UserList) fit(first, limit int) (end int) {
	end = first
	for size := 0; end < len(l.Names); end++ {
		if size += 16 + 3*len(l.Names[end]); size > limit && end > first {
			break
		}
	}
	return end
}

// departure is a session that has left, and the version of the user list since when.
type departure struct {
	session uint32
	version uint64
}

// maxLeft is how many of those who have left a room remembers. Who was told nothing
// for longer gets the list anew.
const maxLeft = 1024

// departed notes who has left.
func (r *room) departed(id uint32) {
	r.left = append(r.left, departure{id, r.version})
	if n := len(r.left) - maxLeft; n > 0 {
		r.forgotten = r.left[n-1].version
		r.left = slices.Clone(r.left[n:]) // others may look at the old one
	}
}
