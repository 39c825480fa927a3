package rooms

import (
	"slices"

	"github.com/tincan-voice/tincan/netproto"
)

// UserList is who is in a room at one moment.
type UserList struct {
	Names    []string // in the order of their sessions
	Sessions []uint32 // rising
	Version  uint64   // rises with every change of this room, from 1 on

	fresh     [][]byte    // in the same order: what they have brought
	epoch     epoch       // that begins with this list; number 0: none does
	talkers   []int       // those who are heard, by their places in the list
	left      []departure // the last to leave, oldest first
	forgotten uint64      // who left up to this version is not in left
}

// Package is the whole list in one package.
func (l *UserList) Package() (p netproto.SendNewUsers) {
	l.name(&p, 0, len(l.Names))
	p.List = int(uint16(l.Version))
	if l.epoch.number > 0 {
		p.MediaKey, p.Epoch = l.epoch.key[:], l.epoch.number
	}
	return p
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
		r.forgotten = max(r.forgotten, r.left[n-1].version)
		r.left = slices.Clone(r.left[n:]) // others may look at the old one
	}
}
