package rooms

import (
	"time"

	"github.com/tincan-voice/tincan/internal/relay/forward"
	"github.com/tincan-voice/tincan/netproto"
)

const (
	// meetTime is how long the first epoch of a room waits for the parts of the other relays.
	meetTime = 100 * time.Millisecond
	// takeover is how long a relay waits for the one before it in the room to announce what is due.
	takeover = 600 * time.Millisecond
)

// Epoch is what the owner of a room announces.
type Epoch struct {
	Number  uint32
	Key     [netproto.KeySize]byte
	Members []Member // by rising sessions: names and what they have brought
}

// whenDue is when this relay begins the next epoch of the room.
func (c *Core) whenDue(now time.Duration, r *room) time.Duration {
	at := r.next()
	if r.shared == nil {
		return at
	}
	if r.shared.dirty == 0 {
		r.shared.dirty = now
	}
	if r.epoch.number == 0 {
		at = r.shared.dirty + meetTime
	}
	before := 0
	for slot := range r.shared.parts {
		if slot < c.cluster.slot {
			before++
		}
	}
	if before > 0 {
		at = max(at, r.shared.dirty) + time.Duration(before)*takeover
	}
	return at
}

// announceFar raises the room's epoch above those of other relays' members, and returns what these are to be told;
// nil: nobody is.
func (r *room) announceFar() *Epoch {
	e := &Epoch{Number: r.epoch.number, Key: r.epoch.key, Members: r.people()}
	r.tell(e.Members)
	if len(r.shared.parts) == 0 {
		return nil
	}
	return e
}

// highest is the last epoch that any member was told.
func (r *room) highest() uint32 {
	n := r.epoch.number
	if r.shared != nil {
		for _, p := range r.shared.parts {
			n = max(n, p.epoch)
		}
	}
	return n
}

// agrees tells whether nobody was told a later epoch than the members here, or another one of the same number.
func (r *room) agrees() bool {
	for _, p := range r.shared.parts {
		if p.epoch > r.epoch.number || p.epoch == r.epoch.number && p.mark != r.epoch.mark() {
			return false
		}
	}
	return true
}

// tell notes a list that is announced. Members of different relays do not come in the order of their IDs, so
// a list that somebody new is in is told from its beginning.
func (r *room) tell(list []Member) {
	s := r.shared
	r.version++
	for _, m := range s.told {
		if _, there := findMember(list, m.Session); !there {
			r.departed(m.Session)
		}
	}
	for _, m := range list {
		if _, there := findMember(s.told, m.Session); !there {
			r.forgotten = r.version
		}
	}
	if r.untold { // newcomers were told a list that nobody else was
		r.forgotten = r.version
	}
	s.told, s.dirty, r.untold = list, 0, false
}

// TakeEpoch takes what a peer has announced; ok: the room's members here who are in the list have to be told it.
func (c *Core) TakeEpoch(now time.Duration, slot int, name string, e Epoch) (u Update, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.rooms[name]
	if r == nil || c.cluster.peers[slot] == nil || len(e.Members) > c.cfg.MaxRoomSize*forward.Slots ||
		!fitMembers(e.Members, func(*Member) bool { return true }) {
		return u, false
	}
	began := epoch{e.Number, e.Key}
	if p := r.shared.parts[slot]; p != nil && p.epoch <= e.Number {
		p.epoch, p.mark = e.Number, began.mark()
	}
	if e.Number <= r.epoch.number { // two announced at a time, or met again: the owner goes above both
		c.partChangedLocked(r)
		r.came = true
		if slot < c.cluster.slot { // it goes first: in step with it, two would be announced again and again
			r.began, r.owed = now, (epochBurst+1)*longEpochPause
		}
		c.changedLocked(r)
		return u, false
	}
	r.pace(now)
	r.epoch = began
	r.tell(e.Members)
	r.SetList(uint16(r.version))
	l := r.listOf(e.Members)
	l.epoch = r.epoch
	c.reviewLocked(r, false)
	return Update{Room: name, Users: l}, true
}
