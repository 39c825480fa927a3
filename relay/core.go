package relay

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

// Why Core.Join refuses.
var (
	ErrServerFull   = errors.New("the relay is full")
	ErrRoomFull     = errors.New("the room is full")
	ErrTooManyRooms = errors.New("the relay has no more rooms")
)

// CoreConfig holds what bounds a Core. The zero value is the good default.
type CoreConfig struct {
	MaxSessions int // 0: 16384
	MaxRooms    int // 0: 4096; a room is made by its first member and ends with its last
	MaxRoomSize int // 0: 1000 members

	// SilenceTimeout is how long nothing valid may come from a session until
	// nothing more is sent to its address. The next valid datagram from there
	// ends the silence. 0: 30 s.
	SilenceTimeout time.Duration

	// SessionRate is how many datagrams per second one session may send;
	// it may save up 2 s of them. 0: 200, four times what voice at 20 ms takes.
	SessionRate int
	// StrangerRate is how many datagrams per second from addresses that are
	// not their session's own are looked at, per IP address (IPv6: per /64);
	// 1 s of them may be saved up, and those that prove genuine do not count.
	// Beyond it each session has 100 per second of its own. 0: 1000.
	StrangerRate int

	// Talkers is how many of a room are forwarded at a time: the loudest. 0: 4;
	// below 0: all. RoomTalkers has other numbers for rooms by name.
	Talkers     int
	RoomTalkers map[string]int

	// BundleWait is how long a datagram may wait to go out together with those
	// of other talkers, when at least three are heard in its room, one of the
	// others is expected to send within that time, and the worker delivers more
	// than BundleLoad datagrams per second. 0: 5 ms; below 0: never.
	BundleWait time.Duration
	BundleLoad int // 0: 25000, about 3 % of a core

	// Workers is how many Workers there will be. The IDs of a room's sessions are all
	// the same modulo Workers, so that datagrams can be steered to one of them
	// by their session ID alone. 0: 1.
	Workers int
}

func (c CoreConfig) withDefaults() CoreConfig {
	c.MaxSessions = cmp.Or(c.MaxSessions, 16384)
	c.MaxRooms = cmp.Or(c.MaxRooms, 4096)
	c.MaxRoomSize = cmp.Or(c.MaxRoomSize, 1000)
	c.SilenceTimeout = cmp.Or(c.SilenceTimeout, 30*time.Second)
	c.SessionRate = cmp.Or(c.SessionRate, 200)
	c.StrangerRate = cmp.Or(c.StrangerRate, 1000)
	c.Talkers = cmp.Or(c.Talkers, 4)
	c.BundleWait = max(cmp.Or(c.BundleWait, 5*time.Millisecond), 0)
	c.BundleLoad = cmp.Or(c.BundleLoad, 25000)
	c.Workers = cmp.Or(c.Workers, 1)
	return c
}

// Core is the relay without its sockets: who is in which room, at which
// address, and who gets what. All methods may be called by any goroutine; now
// is the time since any fixed start, the same for all.
type Core struct {
	// Static, or safe by itself.
	cfg       CoreConfig
	table     *table
	strangers *strangers

	mu       sync.Mutex
	counts   []*counters // one per Worker
	rooms    map[string]*room
	sessions map[uint32]*session
	load     []int          // sessions per worker
	due      map[*room]bool // rooms with something to announce
	sweep    time.Duration  // next look for silent addresses
	resumed  time.Duration  // see Resume
}

// NewCore returns a Core without rooms.
func NewCore(cfg CoreConfig) *Core {
	cfg = cfg.withDefaults()
	return &Core{
		cfg:       cfg,
		table:     newTable(cfg.MaxSessions, cfg.Workers),
		strangers: newStrangers(cfg.StrangerRate),
		rooms:     make(map[string]*room),
		sessions:  make(map[uint32]*session),
		load:      make([]int, cfg.Workers),
		due:       make(map[*room]bool),
	}
}

// Membership is what a new session gets to know.
type Membership struct {
	Session uint32
	HopKey  netproto.HopKey     // the session's and the relay's
	Secret  netproto.RoomSecret // the room's, in this epoch
	Epoch   uint32
	Users   UserList // of the room, the newcomer included
}

// UserList is who is in a room at one moment.
type UserList struct {
	Names    []string // in the order in which they came
	Sessions []uint32 // in the same order, rising
	Version  uint64   // rises with every change of this room, from 1 on

	talkers   []int       // those who are heard, by their places in the list
	left      []departure // the last to leave, oldest first
	forgotten uint64      // who left up to this version is not in left
}

// Newcomer is who wants to join.
type Newcomer struct {
	Room, Name string // checked: netproto.CheckRoom, CheckName
	Voice      int    // highest datagram version that it speaks; with 0 it neither gets nor may send voice
	Cap        int    // most that it may be sent over any second in kbit/s, headers counted; 0 = no cap
}

// Join adds a session to a room, and makes the room when there is none. Errors are ErrServerFull, ErrRoomFull and
// ErrTooManyRooms, wrapped with the limit.
func (c *Core) Join(now time.Duration, n Newcomer) (Membership, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.sessions) >= c.cfg.MaxSessions {
		return Membership{}, fmt.Errorf("%w (%d sessions)", ErrServerFull, c.cfg.MaxSessions)
	}
	r := c.rooms[n.Room]
	switch {
	case r == nil && len(c.rooms) >= c.cfg.MaxRooms:
		return Membership{}, fmt.Errorf("%w (%d)", ErrTooManyRooms, c.cfg.MaxRooms)
	case r == nil:
		talkers, ok := c.cfg.RoomTalkers[n.Room]
		if !ok {
			talkers = c.cfg.Talkers
		}
		r = newRoom(n.Room, c.quietestWorker(), c.cfg.Workers, talkers)
	case len(r.members) >= c.cfg.MaxRoomSize:
		return Membership{}, fmt.Errorf("%w (%d members)", ErrRoomFull, c.cfg.MaxRoomSize)
	}
	s := newSession(r, n.Name, n.Voice, now)
	if !c.table.add(s, r.worker) {
		return Membership{}, fmt.Errorf("%w (no session ID left)", ErrServerFull)
	}
	if n.Cap > 0 && n.Voice > 0 {
		r.repairs.mu.Lock()
		d := r.repairs.downlinkOf(s)
		d.setCap(now, n.Cap)
		d.wants.apart = true
		r.repairs.mu.Unlock()
		s.apart.Store(true)
	}
	c.rooms[n.Room] = r
	c.sessions[s.id] = s
	c.load[r.worker]++
	r.members = append(r.members, s)
	c.changedLocked(r)
	return Membership{Session: s.id, HopKey: s.hopKey, Secret: r.secret, Epoch: r.epoch, Users: r.users()}, nil
}

// Leave removes a session. Its ID is never given again.
func (c *Core) Leave(id uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.sessions[id]
	if s == nil {
		return
	}
	r := s.room
	c.table.remove(s)
	s.gone.Store(true)
	delete(c.sessions, id)
	c.load[r.worker]--
	r.members = slices.DeleteFunc(r.members, func(m *session) bool { return m == s })
	if s.live.Swap(false) {
		r.rebuild()
	}
	if len(r.members) == 0 {
		delete(c.rooms, r.name)
		delete(c.due, r)
		return
	}
	if s.voice > 0 {
		r.stale = true
	}
	c.changedLocked(r)
	r.departed(id)
}

func (c *Core) quietestWorker() int {
	return slices.Index(c.load, slices.Min(c.load))
}

func (c *Core) changedLocked(r *room) {
	r.version++
	r.dirty = true
	c.due[r] = true
}

// Update is what the members of one room have to be told.
type Update struct {
	Room  string
	Users UserList
	// NewUsers: Users has changed since the last Update.
	NewUsers bool
	// NewEpoch: someone with the keys has left, and this is the new secret.
	NewEpoch bool
	Secret   netproto.RoomSecret
	Epoch    uint32
}

const (
	sweepInterval = time.Second
	// epochInterval is the least time between two epochs of one room.
	epochInterval = time.Second
	// listPace is the least time between two user lists of a room, for each of its
	// members, and maxListPace the most: so a room's lists cost a thousand
	// packages per second or its size, whatever happens in it.
	listPace    = time.Millisecond
	maxListPace = time.Second
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
		u, at := r.update(now)
		if u.NewUsers || u.NewEpoch {
			updates = append(updates, u)
		}
		if r.dirty || r.stale {
			next = min(next, at)
		} else {
			delete(c.due, r)
		}
	}
	slices.SortFunc(updates, func(a, b Update) int { return cmp.Compare(a.Room, b.Room) })
	return updates, next
}

// sweepLocked takes the sessions that have fallen silent out of the listeners,
// and the sealers from those that have little to say.
func (c *Core) sweepLocked(now time.Duration) {
	changed := make(map[*room]bool)
	for _, s := range c.sessions {
		silent := now - max(time.Duration(s.heard.Load()), c.resumed)
		if silent > restAfter {
			s.up.rest()
			s.down.rest()
		}
		if s.live.Load() && silent > c.cfg.SilenceTimeout {
			s.live.Store(false)
			changed[s.room] = true
		}
	}
	for r := range changed {
		r.rebuild()
	}
}

// SessionInfo is one line of the console's LIST.
type SessionInfo struct {
	Session   uint32
	Name      string
	Room      string
	Voice     int
	Joined    time.Duration  // when, on the clock of now
	Heard     time.Duration  // when the last valid datagram came; 0 if none did
	Address   netip.AddrPort // of its voice; invalid until the path is known
	Listening bool           // voice is sent to Address
	Datagrams uint64         // valid ones that came
}

// Sessions returns all sessions, oldest first.
func (c *Core) Sessions() []SessionInfo {
	c.mu.Lock()
	defer c.mu.Unlock()
	infos := make([]SessionInfo, 0, len(c.sessions))
	for _, s := range c.sessions {
		i := SessionInfo{
			Session: s.id, Name: s.name, Room: s.room.name, Voice: s.voice,
			Joined: s.joined, Heard: time.Duration(s.heard.Load()),
			Listening: s.live.Load() && !s.deaf.Load(), Datagrams: s.datagrams.Load(),
		}
		if p := s.path.Load(); p != nil {
			i.Address = p.Remote
		}
		infos = append(infos, i)
	}
	slices.SortFunc(infos, func(a, b SessionInfo) int {
		return cmp.Or(cmp.Compare(a.Joined, b.Joined), cmp.Compare(a.Session, b.Session))
	})
	return infos
}

// randomKey returns 32 bytes that nobody can guess.
func randomKey() (key [netproto.KeySize]byte) {
	_, _ = rand.Read(key[:]) // never fails
	return key
}
