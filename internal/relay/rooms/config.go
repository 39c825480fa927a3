package rooms

import (
	"cmp"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/forward"
)

// Config holds what bounds a Core. The zero value is the good default: every 0 means the value that stands beside it.
type Config struct {
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

	// Workers is how many Workers there may be. The IDs of a room's sessions are all
	// the same modulo Workers, so that datagrams can be steered to one of them
	// by their session ID alone. 0: 1.
	Workers int
}

func (c Config) withDefaults() Config {
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

// forward is the part of it that concerns datagrams.
func (c Config) forward() forward.Config {
	return forward.Config{
		MaxSessions: c.MaxSessions, Workers: c.Workers, SessionRate: c.SessionRate, StrangerRate: c.StrangerRate,
		BundleWait: c.BundleWait, BundleLoad: c.BundleLoad,
	}
}
