package rooms

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/forward"
	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/netproto/wire"
)

// Why Core.Join refuses.
var (
	ErrServerFull   = errors.New("the relay is full")
	ErrRoomFull     = errors.New("the room is full")
	ErrTooManyRooms = errors.New("the relay has no more rooms")
	ErrClosing      = errors.New("the relay is closing")
	// ErrLate: the attempt to join has led to a session by another connection, which is in use.
	ErrLate = errors.New("a later connection has this session")
)

// Core is the relay without its sockets: who is in which room, at which
// address, and who gets what. All methods may be called by any goroutine; now
// is the time since any fixed start, the same for all.
type Core struct {
	cfg      Config
	exchange *forward.Exchange

	mu      sync.Mutex
	rooms   map[string]*room
	members map[uint32]*member // by session
	load    []int              // sessions per worker
	due     map[*room]bool     // rooms with something to announce
	// recorded are rooms that have to be told who records them.
	recorded map[*room]bool
	held     map[uint32]*member // by session: those without a control connection
	sweep    time.Duration      // next look for silent addresses
	expire   time.Duration      // next look for sessions held for too long
	worn     []uint32           // sessions that were ended as their numbers were
	woke     time.Duration      // see Wake
	closing  bool               // nobody new may come
	cluster  *Cluster           // nil: alone
}

// NewCore returns a Core without rooms.
func NewCore(cfg Config) *Core {
	cfg = cfg.withDefaults()
	c := &Core{
		cfg:     cfg,
		rooms:   make(map[string]*room),
		members: make(map[uint32]*member),
		held:    make(map[uint32]*member),
		load:    make([]int, cfg.Workers),
		due:     make(map[*room]bool),

		recorded: make(map[*room]bool),
	}
	c.exchange = forward.NewExchange(cfg.forward(), keeper{c})
	c.beginCluster()
	return c
}

// NewWorker returns the next of Config.Workers and Besides, which sends through out.
func (c *Core) NewWorker(out forward.Output) *forward.Worker { return c.exchange.NewWorker(out) }

// Silence is Config.SilenceTimeout.
func (c *Core) Silence() time.Duration { return c.cfg.SilenceTimeout }

// Overdue counts datagrams that a forward.Tunnel had taken and that waited there for too long.
func (c *Core) Overdue(n int) { c.exchange.Overdue(n) }

// Stats returns the sums over all workers.
func (c *Core) Stats() forward.Stats { return c.exchange.Stats() }

// Membership is what a client gets to know of its session.
type Membership struct {
	Session uint32
	Resumed bool                // it was there before: RESUME or another one of these attempts led to it
	Resume  string              // what it takes to go on with it later, besides the hop key; "" without voice
	HopKey  netproto.HopKey     // the session's and the relay's
	Users   UserList            // of the room, the newcomer included
	Keys    []netproto.Wrapping // the others' sender keys, as far as they have wrapped them for it
	// Recorders are the sessions that record the room.
	Recorders []uint32
}

// Newcomer is who wants to join.
type Newcomer struct {
	Room, Name string // checked: netproto.CheckRoom, CheckName
	Voice      int    // highest datagram version that it speaks; with 0 it neither gets nor may send voice
	Cap        int    // most that it may be sent over any second in kbit/s, headers counted; 0 = no cap
	Fresh      []byte // with Voice: what the others are told that it brings, as in netproto.SendNickname
	// Resume is the RESUME of the session to go on with, whose room, name and voice are the same, and Proof its proof.
	Resume string
	Proof  []byte
	// Attempt is what all attempts to get one session have in common; nil: this one stands alone.
	Attempt []byte
	Muted   time.Duration // its voice goes to nobody until then; 0: it does
}

// Join goes on with the session that the newcomer proves to have, or that an attempt before this one has led to.
// Without one it adds a session to a room, and makes the room when there is none. Errors are ErrServerFull, ErrRoomFull
// and ErrTooManyRooms, wrapped with the limit, ErrClosing and ErrLate.
func (c *Core) Join(now time.Duration, n Newcomer) (Membership, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.claimLocked(now, &n)
	if m == nil {
		var err error
		if m, err = c.attemptedLocked(&n); err != nil {
			return Membership{}, err
		}
	}
	if m != nil {
		known := m.membership()
		known.Resumed = true
		return known, nil
	}
	if c.closing {
		return Membership{}, ErrClosing
	}
	if len(c.members) >= c.cfg.MaxSessions {
		return Membership{}, fmt.Errorf("%w (%d sessions)", ErrServerFull, c.cfg.MaxSessions)
	}
	r := c.rooms[n.Room]
	switch {
	case r == nil && len(c.rooms) >= c.cfg.MaxRooms:
		return Membership{}, fmt.Errorf("%w (%d)", ErrTooManyRooms, c.cfg.MaxRooms)
	case r == nil:
		r = c.newRoom(n.Room)
	case r.size() >= c.cfg.MaxRoomSize:
		return Membership{}, fmt.Errorf("%w (%d members)", ErrRoomFull, c.cfg.MaxRoomSize)
	}
	m = &member{room: r, name: n.Name, voice: n.Voice, fresh: n.Fresh, joined: now, asked: now - challengeInterval}
	if n.Voice > 0 {
		m.key, m.resume.next = randomKey(), newTicket()
		copy(m.resume.attempt[:], n.Attempt)
		m.Init(&r.Room, &m.key)
	} else {
		m.Init(&r.Room, nil)
	}
	if !c.exchange.Add(&m.Session) {
		return Membership{}, fmt.Errorf("%w (no session ID left)", ErrServerFull)
	}
	if n.Cap > 0 && n.Voice > 0 {
		m.TakeCap(wire.Kbps(n.Cap))
	}
	m.Mute(n.Muted)
	c.rooms[n.Room] = r
	c.members[m.ID] = m
	c.load[r.Worker()]++
	r.came = true
	c.changedLocked(r)
	c.partChangedLocked(r)
	r.untold = true
	r.enter(m)
	return m.membership(), nil
}

// Mute has the voice of a session go to nobody until then.
func (c *Core) Mute(id uint32, until time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m := c.members[id]; m != nil {
		m.Mute(until)
	}
}

// Close lets nobody new in: Join only goes on with sessions.
func (c *Core) Close() {
	c.mu.Lock()
	c.closing = true
	c.mu.Unlock()
}

// Leave removes a session.
func (c *Core) Leave(id uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m := c.members[id]; m != nil {
		c.leaveLocked(m)
	}
}

func (c *Core) leaveLocked(m *member) {
	r := m.room
	c.exchange.Remove(&m.Session)
	delete(c.members, m.ID)
	delete(c.held, m.ID)
	c.load[r.Worker()]--
	r.members = slices.DeleteFunc(r.members, func(other *member) bool { return other == m })
	if m.Unsettle() {
		r.relist()
	}
	c.partChangedLocked(r)
	if len(r.members) == 0 {
		c.endShared(r)
		delete(c.rooms, r.name)
		delete(c.due, r)
		delete(c.recorded, r)
		return
	}
	c.changedLocked(r)
	if r.shared == nil { // else they are told when they are announced
		r.departed(m.ID)
	}
}

// newRoom makes a room, for the worker with the fewest sessions.
func (c *Core) newRoom(name string) *room {
	talkers, ok := c.cfg.RoomTalkers[name]
	if !ok {
		talkers = c.cfg.Talkers
	}
	r := &room{name: name}
	if c.cluster != nil {
		r.shared = &shared{parts: make(map[int]*part)}
	}
	r.Init(slices.Index(c.load, slices.Min(c.load)), c.cfg.Workers+c.cfg.Besides, talkers)
	return r
}

func (c *Core) changedLocked(r *room) {
	r.version++
	r.dirty = true
	c.due[r] = true
}

const (
	sweepInterval = time.Second
	// restAfter is how long nothing must have come from a session until its sealers
	// are forgotten: a client probes every second or two as long as it is there.
	restAfter = 3 * time.Second
)

// Tick does what is due: it returns what the rooms have to be told, and the
// time of the next Tick if no Join or Leave comes first. After those, call it
// at once.
func (c *Core) Tick(now time.Duration) (updates []Update, next time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now >= c.sweep {
		c.sweep = now + sweepInterval
		c.sweepLocked(now)
	}
	next = c.sweep
	for r := range c.due {
		if at := c.whenDue(now, r); now < at {
			next = min(next, at)
			continue
		}
		updates = append(updates, r.announce(now))
		delete(c.due, r)
	}
	slices.SortFunc(updates, func(a, b Update) int { return cmp.Compare(a.Room, b.Room) })
	return updates, next
}

// sweepLocked takes the sessions and paths that have fallen silent out of the listeners,
// and the sealers from those that have little to say.
func (c *Core) sweepLocked(now time.Duration) {
	changed := make(map[*room]bool)
	for id, m := range c.members {
		if m.WornOut() {
			c.leaveLocked(m)
			c.worn = append(c.worn, id)
			continue
		}
		silent := now - max(m.Heard(), c.woke)
		if silent > restAfter {
			m.Rest()
		}
		if silent > c.cfg.SilenceTimeout && m.Unsettle() || m.Review(now, c.woke) {
			changed[m.room] = true
		}
	}
	for r := range changed {
		r.relist()
	}
}

// Wake tells that the program has stood still: nobody could be heard until now. What is
// known of the paths stays known, and who talks next is told at once how it fares.
func (c *Core) Wake(now time.Duration) {
	c.mu.Lock()
	c.woke = now
	rooms := slices.Collect(maps.Values(c.rooms))
	c.mu.Unlock()
	for _, r := range rooms {
		r.Wake(now)
	}
}

// randomKey returns 32 bytes that nobody can guess.
func randomKey() (key [netproto.KeySize]byte) {
	_, _ = rand.Read(key[:]) // never fails
	return key
}
