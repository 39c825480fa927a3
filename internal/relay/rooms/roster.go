package rooms

import (
	"encoding/base64"
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

// Roster is one user list of a room and the packages that tell it. All members
// share it, so that each package is encoded once.
type Roster struct {
	users UserList // never changes

	mu    sync.Mutex
	whole []byte         // for clients without VOICE
	steps map[Told]*step // for those with
}

// Told is how much of its room's user list a client with VOICE knows: the members
// at this version, up to this session. Who comes later has a higher ID than all
// before, so the rest of a list that is not told to its end and those who have
// come since are one and the same, but for what room.enter says.
type Told struct {
	version uint64 // 0: nothing
	last    uint32
	epoch   uint32 // the last one
	more    bool   // there are more members, of whom those who talked at first are known too
}

// More tells whether there is more to be told of the same list.
func (t Told) More() bool { return t.more }

// step is the package that leads from one Told to the next.
type step struct {
	data []byte // nil: there is nothing to tell
	then Told
}

// maxSteps is how many packages a roster keeps: members who keep up with the
// room's lists need the same ones.
const maxSteps = 8

// mostEarly is how many of those who talk are named before their turn: what 32 bring fits into a package with a page.
const mostEarly = 32

// NewRoster returns the packages of a list.
func NewRoster(l UserList) *Roster { return &Roster{users: l, steps: make(map[Told]*step)} }

// All is the whole list for clients that know only TIP_Project's table. If it is larger
// than a package may be, the last to come are left out.
func (r *Roster) All() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	for n := len(r.users.Names); r.whole == nil; n -= 1 + n/8 {
		r.whole, _ = netproto.AppendPackage(nil, netproto.SendNewUsers{Users: r.users.Names[:n]})
	}
	return r.whole
}

// Next is the next package for a client that knows what it was told, and what it knows then. Without data there is
// nothing to tell.
func (r *Roster) Next(from Told) (data []byte, then Told) {
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
	return s.data, s.then
}

func (l *UserList) step(from Told) *step {
	var p netproto.SendNewUsers
	short := l.fit(0, shortList) == len(l.Names) && from.version != l.Version
	if from.version < max(l.forgotten, 1) || short {
		from = Told{epoch: from.epoch} // the list from its beginning
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
	s := &step{then: Told{l.Version, from.last, from.epoch, end < len(l.Names)}}
	if end > first {
		l.name(&p, first, end)
		s.then.last = l.Sessions[end-1]
	}
	for _, i := range l.talkers[:min(len(l.talkers), mostEarly)] {
		if from.version == 0 && i >= end { // is named twice, but need not wait to be heard
			l.name(&p, i, i+1)
		}
	}
	if number := l.epoch.number; end == len(l.Names) && number > from.epoch {
		p.MediaKey, p.Epoch, s.then.epoch = l.epoch.key[:], number, number
	}
	if !s.then.more {
		p.List = int(uint16(l.Version))
	}
	if len(p.Users)+len(p.Left)+len(p.MediaKey) > 0 || !s.then.more && from.version < l.Version {
		var err error
		if s.data, err = netproto.AppendPackage(nil, p); err != nil {
			panic("rooms: " + err.Error()) // the names have been checked, and a page is small
		}
	}
	return s
}

// name adds those at these places to a package.
func (l *UserList) name(p *netproto.SendNewUsers, first, end int) {
	p.Users = append(p.Users, l.Names[first:end]...)
	p.Sessions = append(p.Sessions, l.Sessions[first:end]...)
	p.Fresh = append(p.Fresh, l.fresh[first:end]...)
}

// fit is where a page that begins at first ends. Any escape takes at most 3 bytes
// per byte of UTF-8, but for a few of ASCII, a session ID 12, and what it has brought 4 besides its base64.
func (l *UserList) fit(first, limit int) (end int) {
	end = first
	for size := 0; end < len(l.Names); end++ {
		if size += 20 + 3*len(l.Names[end]) + base64.StdEncoding.EncodedLen(len(l.fresh[end])); size > limit && end > first {
			break
		}
	}
	return end
}
