package rooms

import (
	"cmp"
	"net/netip"
	"slices"
	"time"
)

// SessionInfo is one line of the console's LIST.
type SessionInfo struct {
	Session    uint32
	Name       string
	Room       string
	Voice      int
	Joined     time.Duration  // when, on the clock of now
	Address    netip.AddrPort // of its voice; invalid until the path is known
	Listening  bool           // voice is sent to Address
	Datagrams  uint64         // valid ones that came
	MutedUntil time.Duration  // its voice goes to nobody until then, on the clock of now
	Loss       float64        // share of what is sent to it that gets lost, of late and before repair
}

// Sessions returns all sessions, oldest first.
func (c *Core) Sessions() []SessionInfo {
	c.mu.Lock()
	defer c.mu.Unlock()
	infos := make([]SessionInfo, 0, len(c.members))
	for _, m := range c.members {
		i := SessionInfo{
			Session: m.ID, Name: m.name, Room: m.room.name, Voice: m.voice, Joined: m.joined,
			Listening: m.Live() && !m.Deaf.Load(), Datagrams: m.Datagrams(), MutedUntil: m.MutedUntil(), Loss: m.Loss(),
		}
		if p, ok := m.Path(); ok {
			i.Address = p.Remote
		}
		infos = append(infos, i)
	}
	slices.SortFunc(infos, func(a, b SessionInfo) int {
		return cmp.Or(cmp.Compare(a.Joined, b.Joined), cmp.Compare(a.Session, b.Session))
	})
	return infos
}
