package rooms

// What tests of the rosters see.
const (
	PageSize = pageSize
	MaxLeft  = maxLeft
	MaxSteps = maxSteps
)

// Users is a room's list now.
func (c *Core) Users(room string) UserList { return c.rooms[room].users() }

// Held is how many sessions the Core holds.
func (c *Core) Held() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.held)
}

// SetTalkers has those talk who stand at these places.
func (l *UserList) SetTalkers(places []int) { l.talkers = places }

// NewTold is what somebody knows who was told all up to that.
func NewTold(version uint64, last uint32) Told { return Told{version: version, last: last} }

// Last is up to which session the members are known.
func (t Told) Last() uint32 { return t.last }

// Kept is how many packages the roster keeps.
func (r *Roster) Kept() int { return len(r.steps) }

// EnterAs adds somebody to a room with an ID that is not the next one, as when they have begun anew.
func (c *Core) EnterAs(room, name string, id uint32) UserList {
	r := c.rooms[room]
	m := &member{room: r, name: name}
	m.ID = id
	c.changedLocked(r)
	r.enter(m)
	return r.users()
}
