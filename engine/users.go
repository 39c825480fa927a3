package engine

import (
	"bytes"
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

// maxUsers bounds who is taken for a member, whatever a relay says; one holds 16384
// sessions unless its operator wants more.
const maxUsers = 1 << 15

// listTime is how long after its first page a list that comes again may take.
const listTime = 3 * time.Second

// roster is who is in the room.
type roster struct {
	names   map[uint32]string
	foreign map[uint32]bool    // who has another passphrase
	brought map[uint32][]byte  // what they have: FRESH
	unknown bool               // the others are not told of us as we are
	crowded bool               // there are too many for sender keys
	keyed   bool               // an epoch has begun
	volumes map[string]float32 // as set, by name
	// recorders are those who record the room, whether they have been named yet or not.
	recorders map[uint32]bool

	known    *knownMembers            // nil: the room is not sealed
	claims   map[uint32]claim         // of those who have proven to have a key or not, or had the time to
	unproven map[uint32]time.Duration // of the others, since when they are here
	begun    int                      // sessions of our own: in each of them the others' IDs begin anew

	compare  bool            // the next whole list is one that comes again, in pages
	doubtful map[uint32]bool // who has not been in its pages so far
	until    time.Duration   // who is not by then has left

	number uint16        // of the list that is known; 0: of none
	missed uint16        // of one that was told and is not known; 0: there is none
	since  time.Duration // that is so
}

// told takes the number of the list that the relay has told last; 0: it does not say.
func (r *roster) told(now time.Duration, number uint16) {
	if r.missed == 0 && number != 0 && !r.knows(number) {
		r.missed, r.since = number, now
	}
}

// knows tells whether a list is known, or a later one is.
func (r *roster) knows(number uint16) bool { return r.number != 0 && int16(number-r.number) <= 0 }

// behind is for how long a list has been missing.
func (r *roster) behind(now time.Duration) time.Duration {
	if r.missed == 0 {
		return 0
	}
	return now - r.since
}

// renew takes that a session of ours begins, with lists of its own.
func (r *roster) renew() {
	r.doubtful, r.number, r.missed, r.recorders, r.keyed = nil, 0, 0, nil, false
	r.begun++
}

func newRoster(known *knownMembers) roster {
	return roster{
		names: map[uint32]string{}, foreign: map[uint32]bool{}, brought: map[uint32][]byte{}, volumes: map[string]float32{},
		known: known, claims: map[uint32]claim{}, unproven: map[uint32]time.Duration{},
	}
}

// resume takes that the session goes on over another connection: the list comes again.
func (r *roster) resume() { r.compare, r.doubtful = true, nil }

// gone returns who has left, by a list that came at now.
func (r *roster) gone(now time.Duration, list *netproto.SendNewUsers) (left []uint32) {
	if list.List != 0 {
		r.number = uint16(list.List)
		if r.knows(r.missed) {
			r.missed = 0
		}
	}
	if list.Left != nil {
		for _, session := range list.Sessions {
			delete(r.doubtful, session)
		}
		return list.Left
	}
	here := make(map[uint32]bool, len(list.Sessions)) // a whole list: who is not in it has left
	for _, session := range list.Sessions {
		here[session] = true
	}
	for session := range r.names {
		if !here[session] {
			left = append(left, session)
		}
	}
	r.doubtful = nil
	if r.compare { // unless they are on another page
		r.compare, r.until, r.doubtful = false, now+listTime, map[uint32]bool{}
		for _, session := range left {
			r.doubtful[session] = true
		}
		return nil
	}
	return left
}

// settle returns who was on no page of a list that came again, once.
func (r *roster) settle(now time.Duration) (left []uint32) {
	if len(r.doubtful) == 0 || now < r.until {
		return nil
	}
	for session := range r.doubtful {
		left = append(left, session)
	}
	r.doubtful = nil
	return left
}

// setUsers takes a list of who is in the room, or what is other than in the last ones.
func (c *Call) setUsers(list netproto.SendNewUsers) {
	if len(list.Sessions) != len(list.Users) {
		return // without IDs nobody can be told apart
	}
	rtt, own, now := c.roundTrip(), c.Session(), c.now()
	c.attendance.take(&list)
	b, known := c.attendance.epoch(now, &list)
	c.hearing.Lock()
	events := c.leaveLocked(now, rtt, c.roster.gone(now, &list))
	for i, session := range list.Sessions {
		name, foreign, brought := list.Users[i], c.attendance.foreign(session), c.attendance.members[session].Fresh
		was, there := c.roster.names[session]
		if session == own || !there && len(c.roster.names) == maxUsers {
			continue
		}
		if there && (name != was || !bytes.Equal(brought, c.roster.brought[session])) { // that is another one
			events = append(events, c.leaveLocked(now, rtt, []uint32{session})...)
			there = false
		}
		c.roster.names[session], c.roster.foreign[session], c.roster.brought[session] = name, foreign, brought
		c.listener.AddPeer(session, name)
		if !there {
			if volume, set := c.roster.volumes[name]; set {
				c.listener.SetVolume(session, volume)
			}
			if c.roster.known != nil && !foreign {
				c.roster.unproven[session] = now
			}
			events = append(events, PeerJoined{session, name, foreign})
			if c.roster.recorders[session] {
				events = append(events, PeerRecording{session, name, true})
			}
		}
	}
	if list.MediaKey != nil {
		c.roster.unknown = !known
	}
	if b != nil {
		c.roster.crowded, c.roster.keyed = !b.keyed, true
		b.hear(now, c.listener, c.roster.foreign)
	}
	count := len(c.roster.names)
	c.hearing.Unlock()
	if b != nil {
		c.talking.Lock()
		c.sender.Talker().SetSecret(b.number, b.seals, b.waits(now, own))
		c.talking.Unlock()
		c.sendKeys(b.keys)
		c.setKeys(c.attendance.due())
	}
	c.listed(now, count, events)
}

// setRoom takes what came with a session.
func (c *Call) setRoom(hello welcome) {
	newest := c.attendance.newest
	c.silence(hello.session.Mute)
	for _, list := range hello.users {
		c.setUsers(list)
	}
	c.setKeys(hello.session.Keys)
	c.setRecorders(hello.session.Recorders)
	if c.attendance.newest == newest { // the relay may not have ours yet
		c.sendKeys(c.attendance.of(newest).keys)
	}
}

// silence takes for how many seconds the relay lets nobody hear us; 0: nothing has changed.
func (c *Call) silence(seconds int) {
	if seconds > 0 {
		c.signs.silenced.at(c.now() + time.Duration(seconds)*time.Second)
	}
}

// sendKeys sends our sender key to the others.
func (c *Call) sendKeys(keys []netproto.Wrapping) {
	if len(keys) > 0 {
		c.tellPort(keys)
	}
}

// setKeys takes what others seal with.
func (c *Call) setKeys(keys []netproto.Wrapping) {
	now := c.now()
	for i := range keys {
		if secret, ok := c.attendance.unwrap(&keys[i]); ok {
			c.hearing.Lock()
			c.listener.SetTalkerSecret(now, keys[i].Session, keys[i].Epoch, secret)
			c.hearing.Unlock()
			c.proven(keys[i].Session, c.attendance.shared[keys[i].Session].fresh)
		}
		b := c.attendance.of(keys[i].Epoch)
		c.talking.Lock()
		c.sender.Talker().Hasten(b.number, b.waits(now, c.attendance.own.Session))
		c.talking.Unlock()
	}
}

// settleUsers takes out who was not in a list that came again, and tells who has not proven to be whom it says.
func (c *Call) settleUsers(now time.Duration) {
	rtt := c.roundTrip()
	c.hearing.Lock()
	events := c.leaveLocked(now, rtt, c.roster.settle(now))
	for _, e := range c.roster.overdue(now) {
		c.events.add(e) // before what a key says that comes now
	}
	count := len(c.roster.names)
	c.hearing.Unlock()
	if len(events) > 0 {
		c.listed(now, count, events)
	}
}

// strange is for how long somebody has talked whom no list has named, or whose key is missing, or a list has been.
func (c *Call) strange(now time.Duration) time.Duration {
	c.hearing.Lock()
	defer c.hearing.Unlock()
	return max(c.listener.strange(now), c.roster.behind(now))
}

// leaveLocked takes out who has left, and returns the events of that.
func (c *Call) leaveLocked(now, rtt time.Duration, left []uint32) (events []Event) {
	for _, session := range left {
		if name, ok := c.roster.names[session]; ok {
			delete(c.roster.names, session)
			delete(c.roster.foreign, session)
			delete(c.roster.recorders, session)
			delete(c.roster.brought, session)
			delete(c.roster.claims, session)
			delete(c.roster.unproven, session)
			last, _ := c.listener.RemovePeer(now, session)
			c.others.left(session)
			last.MouthToEar = c.mouthToEar(last.Delay, rtt)
			events = append(events, PeerLeft{session, name, last})
		}
	}
	return events
}

// listed notes and tells what has changed in the list.
func (c *Call) listed(now time.Duration, count int, events []Event) {
	c.signs.peers.Store(int32(count))
	if len(events) > 0 || c.signs.listed.Load() == 0 {
		c.signs.listed.at(now)
	}
	for _, e := range events {
		c.events.add(e)
	}
}
