package forward

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/mend"
	"github.com/tincan-voice/tincan/netproto"
)

// Config bounds what an Exchange does. Every field has to be set: package rooms has the defaults.
type Config struct {
	MaxSessions  int           // in all
	Workers      int           // 1 or more, that datagrams are steered to by their session IDs
	Besides      int           // more of them, that get datagrams of any session
	SessionRate  int           // datagrams per second from one session
	StrangerRate int           // datagrams per second and IP address from addresses not a session's own
	BundleWait   time.Duration // how long a datagram may wait for company; 0: never
	BundleLoad   int           // deliveries per second and Worker from which on it does
	Upper        bool          // session IDs are in the upper half of the 2^32, else in the lower one
	Number       int           // of the relay in its cluster, 1 to Numbers-1: its IDs are the slot's; 0: it is alone
	Skip         uint32        // with a Number: how far from the beginning of the slot the first IDs are, modulo its size
}

// Keeper is who keeps the rooms, and is asked where a datagram bears on who is where.
type Keeper interface {
	// Challenge decides about a valid datagram of size bytes from where the session is not, or where it had fallen
	// silent: the session is there again, or is asked to send the token back, or nothing happens.
	Challenge(now time.Duration, s *Session, from Path, size int) (token [8]byte, ask bool)
	// Proven takes the answer that came from there, and reports whether the session is there now.
	Proven(now time.Duration, s *Session, from Path, r netproto.ChallengeReply) bool
	// Change does as listeners wish.
	Change(wishes []mend.Wish)
}

// Exchange is what the Workers of a relay share.
type Exchange struct {
	cfg       Config
	keeper    Keeper
	table     *table
	strangers strangers
	cluster   atomic.Pointer[cluster] // nil: it is alone
	overdue   atomic.Uint64           // see Overdue

	mu     sync.Mutex
	counts []*counters // one per Worker
}

// NewExchange returns an Exchange without sessions.
func NewExchange(cfg Config, keeper Keeper) *Exchange {
	return &Exchange{
		cfg: cfg, keeper: keeper,
		table: newTable(cfg), strangers: newStrangers(cfg.StrangerRate),
	}
}

// Add gives a session the next ID of its room's worker; from then on its datagrams are taken. It fails when all
// are taken. The keeper adds and removes one at a time.
func (x *Exchange) Add(s *Session) bool { return x.table.add(s, s.room.worker) }

// Remove removes a session. Its ID is not given again before all others of its worker.
func (x *Exchange) Remove(s *Session) {
	x.table.remove(s)
	s.Gone.Store(true)
	s.end()
}

// Overdue counts datagrams that a Tunnel had taken and that waited there for too long.
func (x *Exchange) Overdue(n int) { x.overdue.Add(uint64(n)) }
