package rooms

import (
	"slices"

	"github.com/tincan-voice/tincan/netproto"
)

// Passed is a sender key for a session.
type Passed struct {
	To uint32
	netproto.Wrapping
}

// Pass takes a session's sender key of an epoch, wrapped for others, and returns what those in its room are to be
// told, the session itself, too, if one is for it. One per epoch is taken, of those that are in use. They are kept
// for who has lost its connection just then.
func (c *Core) Pass(id uint32, keys []netproto.Wrapping) (passed []Passed) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.members[id]
	if m == nil || len(keys) == 0 || len(keys) > netproto.MaxKeyed {
		return nil
	}
	epoch := keys[0].Epoch
	other := func(w netproto.Wrapping) bool { return w.Epoch != epoch }
	if last := m.room.epoch.number; epoch > last || last-epoch >= netproto.EpochWindow ||
		len(m.keys) > 0 && epoch <= m.keys[0].Epoch || slices.ContainsFunc(keys, other) {
		return nil
	}
	m.keys = keys
	for _, w := range keys {
		if to := c.members[w.Session]; to != nil && to.room == m.room && to.voice > 0 {
			passed = append(passed, Passed{w.Session, m.from(w)})
		} else if m.room.elsewhere(w.Session) {
			passed = append(passed, Passed{w.Session, m.from(w)})
		}
	}
	return passed
}

// from is a key of the member as another one is told it.
func (m *member) from(w netproto.Wrapping) netproto.Wrapping {
	w.Session = m.ID
	return w
}

// mostWrapped is of how many talkers a member that comes back is told the keys: each takes 54 bytes as base64, and a
// part of the package is for the rest.
const mostWrapped = netproto.MaxPackage / 64

// wrapped is what the others have wrapped for the member.
func (m *member) wrapped() (keys []netproto.Wrapping) {
	for _, o := range m.room.members[:min(len(m.room.members), mostWrapped)] {
		if i := slices.IndexFunc(o.keys, func(w netproto.Wrapping) bool { return w.Session == m.ID }); i >= 0 {
			keys = append(keys, o.from(o.keys[i]))
		}
	}
	m.room.fars(func(o *farMember) {
		i := slices.IndexFunc(o.keys, func(w netproto.Wrapping) bool { return w.Session == m.ID })
		if i >= 0 && len(keys) < mostWrapped {
			w := o.keys[i]
			w.Session = o.Session
			keys = append(keys, w)
		}
	})
	return keys
}
