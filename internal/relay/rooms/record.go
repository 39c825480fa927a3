package rooms

import (
	"cmp"
	"slices"
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

// recordPause is the least time between two packages that tell a room who records it, whoever changes their mind how
// often.
const recordPause = time.Second

// Recorders is who of a room records it, which those in To have to be told.
type Recorders struct {
	Sessions []uint32 // rising; not nil
	To       []uint32 // with voice; not empty
}

// Record takes whether a session records its room, and reports whether that is new.
func (c *Core) Record(id uint32, records bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.members[id]
	if m == nil || m.voice == 0 || m.records == records {
		return false
	}
	m.records = records
	c.recorded[m.room] = true
	c.partChangedLocked(m.room)
	return true
}

// TickRecorders does what is due, as Tick does: call both.
func (c *Core) TickRecorders(now time.Duration) (all []Recorders, next time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	next = now + sweepInterval
	for r := range c.recorded {
		if at := r.recordersTold + recordPause; now < at && r.recordersTold > 0 {
			next = min(next, at)
			continue
		}
		r.recordersTold = now
		delete(c.recorded, r)
		u := Recorders{Sessions: append([]uint32{}, r.recorders()...)}
		for _, m := range r.members {
			if m.voice > 0 {
				u.To = append(u.To, m.ID)
			}
		}
		if len(u.To) > 0 { // else who had voice has left
			all = append(all, u)
		}
	}
	slices.SortFunc(all, func(a, b Recorders) int { return cmp.Compare(a.To[0], b.To[0]) })
	return all, next
}

// mostRecorders is how many a room is told of: each takes 12 bytes, and with mostWrapped keys they fit into a package.
const mostRecorders = netproto.MaxPackage / 128

// recorders are those who record the room.
func (r *room) recorders() (sessions []uint32) {
	for _, m := range r.members {
		if m.records && len(sessions) < mostRecorders {
			sessions = append(sessions, m.ID)
		}
	}
	r.fars(func(m *farMember) {
		if m.Records && len(sessions) < mostRecorders {
			sessions = append(sessions, m.Session)
		}
	})
	slices.Sort(sessions)
	return sessions
}
