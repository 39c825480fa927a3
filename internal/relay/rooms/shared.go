package rooms

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"slices"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/forward"
	"github.com/tincan-voice/tincan/netproto"
)

// A room that spans relays: each tells the others which members it has, its part, and knows theirs. All members have
// to be told the same lists, as the keys of an epoch are made of its list; so one relay begins the room's epochs, that
// with the lowest slot, and the others tell their members what it announces. If it does not, the next one does.
//
//	join, leave --> own part ----------------> the others
//	                                             | TakePart
//	                 owner: Tick, announce <-----+
//	                   | Update.Epoch
//	                   v
//	                 the others: TakeEpoch --> Update, for their own members
//
// Where relays lose each other, each side goes on with those that it sees. When they meet again, the parts do: the
// owner announces an epoch above all that any member was told.

// Cluster is what a Core needs to be one of several relays.
type Cluster struct {
	Number  int                    // of this relay: 1 to forward.Numbers-1, and nobody else's
	Network [netproto.KeySize]byte // the same for all: makes of networks what stands for them
	Skip    uint32                 // random: where its session IDs begin
	peers   map[int]*forward.Peer  // by slot
	changed map[string]bool        // rooms with another part, or without one
	slot    int
	voice   netproto.HopKey
}

// Slot is the relay's own: that of all its sessions.
func (c *Core) Slot() int { return c.cluster.slot }

// VoiceKey is the key of the tags of all voice that goes to other relays.
func (c *Core) VoiceKey() netproto.HopKey { return c.cluster.voice }

// Places is how many places the table of sessions has, as forward.NewPeer wants it of a peer.
func (c *Core) Places() int { return c.exchange.Places() }

func (c *Core) beginCluster() {
	k := c.cfg.Cluster
	if k == nil {
		return
	}
	own := *k
	own.peers, own.changed, own.voice, own.slot = make(map[int]*forward.Peer), make(map[string]bool), randomKey(), k.Number
	if c.cfg.Upper {
		own.slot += forward.Numbers
	}
	c.cluster = &own
}

// Member is a member of a room as relays tell each other.
type Member struct {
	Session uint32
	Name    string
	Fresh   []byte // nil without voice
	Voice   bool
	Records bool
	Network uint64 // stands for the network where it is; 0: that is not known
}

func (m *Member) same(o *Member) bool {
	return m.Session == o.Session && m.Name == o.Name && bytes.Equal(m.Fresh, o.Fresh)
}

// Part is what one relay has of a room.
type Part struct {
	Members []Member       // by rising sessions
	Epoch   uint32         // the last one that they were told; 0: none
	Mark    uint64         // tells it from others of that number
	Trunks  map[int]uint32 // the sessions by which it sends to other relays, by their slots
	// Lacks are members at other relays whose sender keys of that epoch it does not have: a message may get lost.
	Lacks []uint32 `json:",omitempty"`
}

// shared is what a room has of other relays.
type shared struct {
	parts map[int]*part // by slot; none is empty
	told  []Member      // the last list that was announced
	dirty time.Duration // since when there is something to announce; 0: it is not known
}

// part is what the room has of one relay.
type part struct {
	peer        *forward.Peer
	members     []*farMember // by rising sessions
	epoch       uint32
	mark        uint64           // of that epoch
	trunk, line *forward.Session // ours to it, its to us; nil: none
}

// farMember is a member at another relay.
type farMember struct {
	Member
	session *forward.Session // nil without voice
	keys    []netproto.Wrapping
}

// SetPeer sets the relay of a slot; nil: it is gone, and all its members with it.
func (c *Core) SetPeer(slot int, p *forward.Peer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.rooms {
		c.dropPartLocked(r, slot)
	}
	if p == nil {
		delete(c.cluster.peers, slot)
	} else {
		c.cluster.peers[slot] = p
	}
	c.exchange.SetPeer(slot, p, c.cluster.voice)
}

// Rooms are the names of all rooms.
func (c *Core) Rooms() (names []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name := range c.rooms {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Changed are the rooms of which the others have to be told OwnPart again, since the last time.
func (c *Core) Changed() (names []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name := range c.cluster.changed {
		names = append(names, name)
	}
	clear(c.cluster.changed)
	slices.Sort(names)
	return names
}

// partChangedLocked notes that the others have to be told.
func (c *Core) partChangedLocked(r *room) {
	if c.cluster != nil {
		c.cluster.changed[r.name] = true
	}
}

// OwnPart is what this relay has of a room; not ok: nobody.
func (c *Core) OwnPart(name string) (p Part, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.rooms[name]
	if r == nil {
		return p, false
	}
	p.Epoch, p.Mark, p.Trunks = r.epoch.number, r.epoch.mark(), make(map[int]uint32)
	for _, m := range r.members {
		p.Members = append(p.Members, Member{
			Session: m.ID, Name: m.name, Fresh: m.fresh, Voice: m.voice > 0, Records: m.records, Network: c.networkOf(m),
		})
	}
	for slot, o := range r.shared.parts {
		if o.trunk != nil {
			p.Trunks[slot] = o.trunk.ID
		}
		for _, f := range o.members {
			if f.lacksKeys(p.Epoch) && len(p.Lacks) < mostLacks {
				p.Lacks = append(p.Lacks, f.Session)
			}
		}
	}
	return p, true
}

// mostLacks is of how many members at a time a relay asks for sender keys: of more than so many there are none.
const mostLacks = netproto.MaxKeyed

// lacksKeys tells whether the member's sender key of an epoch has not come, as it should have if it has brought what
// one is made with.
func (f *farMember) lacksKeys(epoch uint32) bool {
	return epoch > 0 && f.Voice && f.Fresh != nil && (len(f.keys) == 0 || f.keys[0].Epoch < epoch)
}

// Lacking returns the sender keys that another relay asks for, by member, as Pass did: those of the room's epoch, for
// whoever is at another relay.
func (c *Core) Lacking(name string, lacks []uint32) map[uint32][]netproto.Wrapping {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.rooms[name]
	if r == nil || len(lacks) > mostLacks {
		return nil
	}
	found := make(map[uint32][]netproto.Wrapping)
	for _, id := range lacks {
		m := c.members[id]
		if m == nil || m.room != r || len(m.keys) == 0 || m.keys[0].Epoch != r.epoch.number {
			continue
		}
		for _, w := range m.keys {
			if forward.Slot(w.Session) != c.cluster.slot && r.elsewhere(w.Session) {
				found[id] = append(found[id], w)
			}
		}
	}
	return found
}

// networkOf is what stands for where a member is.
func (c *Core) networkOf(m *member) uint64 {
	n := m.Network()
	if !n.IsValid() {
		return 0
	}
	mac := hmac.New(sha256.New, c.cluster.Network[:])
	text, _ := n.MarshalBinary()
	mac.Write(text)
	return binary.BigEndian.Uint64(mac.Sum(nil))
}

// prefix stands for a network at another relay: among the unique local addresses of RFC 4193, where nobody comes
// from.
func prefix(network uint64) netip.Prefix {
	if network == 0 {
		return netip.Prefix{}
	}
	a := [16]byte{0: 0xfd}
	binary.BigEndian.PutUint64(a[8:], network)
	return netip.PrefixFrom(netip.AddrFrom16(a), 128)
}

// fit tells whether a part can be one of that relay.
func (c *Core) fit(slot int, p *Part) bool {
	if len(p.Members) > c.cfg.MaxRoomSize {
		return false
	}
	return fitMembers(p.Members, func(m *Member) bool { return forward.Slot(m.Session) == slot })
}

func fitMembers(members []Member, may func(m *Member) bool) bool {
	for i := range members {
		m := &members[i]
		if !may(m) || i > 0 && members[i-1].Session >= m.Session || netproto.CheckName(m.Name) != nil || !netproto.FitFresh(m.Fresh) {
			return false
		}
	}
	return true
}

// TakePart takes what a peer has of a room. What cannot be is ignored, and so is a room that this relay has nobody
// in.
func (c *Core) TakePart(now time.Duration, slot int, name string, p Part) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r, peer := c.rooms[name], c.cluster.peers[slot]
	if r == nil || peer == nil || !c.fit(slot, &p) {
		return
	}
	if len(p.Members) == 0 {
		c.dropPartLocked(r, slot)
		return
	}
	old := r.shared.parts[slot]
	if old == nil {
		old = &part{peer: peer}
		r.shared.parts[slot] = old
	}
	old.epoch, old.mark = p.Epoch, p.Mark
	came, records := old.replace(p.Members)
	voices := false
	for _, f := range old.members {
		voices = voices || f.Voice
		if f.Voice && f.session == nil {
			f.session = new(forward.Session)
			f.session.InitFar(&r.Room, peer, f.Session, prefix(f.Network))
			if !peer.Add(f.session) {
				f.session = nil // until it is said again
				continue
			}
			f.session.SettleAtPeer(now)
		}
	}
	c.joinTrunksLocked(now, r, old, voices, p.Trunks[c.cluster.slot])
	r.relist()
	if records {
		c.recorded[r] = true
	}
	c.reviewLocked(r, came)
}

// replace takes the members of now, and reports whether somebody has come and whether others record the room. The
// sessions of those who are not what they were end first, as the new ones may need their places.
func (p *part) replace(members []Member) (came, records bool) {
	before := p.members
	p.members = make([]*farMember, len(members))
	for i, m := range members {
		f := findFar(before, m.Session)
		if f == nil || !f.same(&m) || f.Voice != m.Voice || f.Network != m.Network {
			came = came || f == nil || !f.same(&m)
			p.members[i] = &farMember{Member: m}
			continue
		}
		p.members[i] = f
	}
	recording := func(l []*farMember) (ids []uint32) {
		for _, f := range l {
			if f.Records {
				ids = append(ids, f.Session)
			}
		}
		return ids
	}
	old := recording(before)
	for i, m := range members {
		p.members[i].Member = m
	}
	for _, f := range before {
		if findFar(p.members, f.Session) != f && f.session != nil {
			p.peer.Remove(f.session)
		}
	}
	return came, !slices.Equal(old, recording(p.members))
}

// joinTrunksLocked makes and unmakes the sessions by which this relay and a peer send each other a room.
func (c *Core) joinTrunksLocked(now time.Duration, r *room, p *part, listens bool, line uint32) {
	switch {
	case listens && p.trunk == nil:
		t := new(forward.Session)
		t.InitTrunk(&r.Room, p.peer)
		if c.exchange.Add(t) {
			t.SettleAtPeer(now)
			p.trunk = t
			c.partChangedLocked(r) // it has to know
		}
	case !listens && p.trunk != nil:
		c.exchange.Remove(p.trunk)
		p.trunk = nil
	}
	if p.line != nil && p.line.ID != line {
		p.peer.Remove(p.line)
		p.line = nil
	}
	if p.line == nil && line != 0 {
		l := new(forward.Session)
		l.InitLine(&r.Room, p.peer, line)
		if p.peer.Add(l) {
			l.SettleAtPeer(now)
			p.line = l
		}
	}
	for _, f := range p.members {
		if f.session != nil {
			f.session.SetLine(p.line)
		}
	}
}

// dropPartLocked forgets what a room has of a peer.
func (c *Core) dropPartLocked(r *room, slot int) {
	p := r.shared.parts[slot]
	if p == nil {
		return
	}
	delete(r.shared.parts, slot)
	for _, f := range p.members {
		if f.session != nil {
			p.peer.Remove(f.session)
		}
		if f.Records {
			c.recorded[r] = true
		}
	}
	if p.line != nil {
		p.peer.Remove(p.line)
	}
	if p.trunk != nil {
		c.exchange.Remove(p.trunk)
	}
	r.relist()
	c.reviewLocked(r, false)
}

// reviewLocked looks whether the members of a room have the list as it is.
func (c *Core) reviewLocked(r *room, came bool) {
	if r.agrees() && slices.EqualFunc(r.people(), r.shared.told, func(a, b Member) bool { return a.same(&b) }) {
		r.dirty, r.shared.dirty = false, 0
		delete(c.due, r)
		return
	}
	r.came = r.came || came
	c.changedLocked(r)
}

// endShared forgets what a room has of other relays, as it ends here.
func (c *Core) endShared(r *room) {
	if r.shared != nil {
		for slot := range r.shared.parts {
			c.dropPartLocked(r, slot)
		}
	}
}

func findMember(members []Member, id uint32) (i int, ok bool) {
	return slices.BinarySearchFunc(members, id, func(m Member, id uint32) int { return cmp.Compare(m.Session, id) })
}

func findFar(members []*farMember, id uint32) *farMember {
	i, ok := slices.BinarySearchFunc(members, id, func(f *farMember, id uint32) int { return cmp.Compare(f.Session, id) })
	if !ok {
		return nil
	}
	return members[i]
}

// far returns a member at another relay, or nil.
func (r *room) far(id uint32) *farMember {
	if r.shared == nil {
		return nil
	}
	if p := r.shared.parts[forward.Slot(id)]; p != nil {
		return findFar(p.members, id)
	}
	return nil
}

// elsewhere tells whether somebody at another relay is in the room, as far as is known: the owner's list may come
// before the part of that relay.
func (r *room) elsewhere(id uint32) bool {
	if r.shared == nil {
		return false
	}
	if r.far(id) != nil {
		return true
	}
	_, ok := findMember(r.shared.told, id)
	return ok
}

// fars calls f for each member at other relays, in any order.
func (r *room) fars(f func(m *farMember)) {
	if r.shared == nil {
		return
	}
	for _, p := range r.shared.parts {
		for _, m := range p.members {
			f(m)
		}
	}
}

// size is how many members the room has, here and elsewhere.
func (r *room) size() int {
	n := len(r.members)
	r.fars(func(*farMember) { n++ })
	return n
}

// people are all members, by rising sessions.
func (r *room) people() []Member {
	all := make([]Member, 0, r.size())
	for _, m := range r.members {
		all = append(all, Member{Session: m.ID, Name: m.name, Fresh: m.fresh})
	}
	if len(all) == cap(all) {
		return all // which are in order
	}
	r.fars(func(m *farMember) { all = append(all, Member{Session: m.Session, Name: m.Name, Fresh: m.Fresh}) })
	slices.SortFunc(all, func(a, b Member) int { return cmp.Compare(a.Session, b.Session) })
	return all
}

// PassFar takes a sender key of somebody at a peer, wrapped for others, and returns what those who are here are to
// be told, as Pass does.
func (c *Core) PassFar(from uint32, name string, keys []netproto.Wrapping) (passed []Passed) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.rooms[name]
	if r == nil || len(keys) == 0 || len(keys) > netproto.MaxKeyed {
		return nil
	}
	f := r.far(from)
	epoch := keys[0].Epoch
	if f == nil || len(f.keys) > 0 && epoch <= f.keys[0].Epoch || // said again, for another relay
		epoch > r.epoch.number+netproto.EpochWindow || // its list may come later
		slices.ContainsFunc(keys, func(w netproto.Wrapping) bool { return w.Epoch != epoch }) {
		return nil
	}
	f.keys = keys
	for _, w := range keys {
		if to := c.members[w.Session]; to != nil && to.room == r && to.voice > 0 {
			to := w.Session
			w.Session = from
			passed = append(passed, Passed{to, w})
		}
	}
	return passed
}

// HasFar tells whether a session of another relay's is in a room.
func (c *Core) HasFar(session uint32, name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.rooms[name]
	return r != nil && r.far(session) != nil
}
