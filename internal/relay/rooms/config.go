package rooms

import (
	"cmp"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/forward"
)

// Config holds what bounds a Core. The zero value is the good default; relay.Config says more of each field.
type Config struct {
	MaxSessions    int            // in all; 0: 16384
	MaxRooms       int            // 0: MaxSessions
	MaxRoomSize    int            // members; 0: 1000
	SilenceTimeout time.Duration  // nothing valid for so long, nothing is sent any more; 0: 30 s
	HoldTime       time.Duration  // a session with voice outlives its last sign of life by that; 0: 60 s; below 0: not
	SessionRate    int            // datagrams per second from one session; 0: 200
	StrangerRate   int            // datagrams per second and IP address from addresses not a session's own; 0: 1000
	Talkers        int            // how many of a room are forwarded at a time; 0: 4; below 0: all
	RoomTalkers    map[string]int // the same for rooms by name
	BundleWait     time.Duration  // how long a datagram may wait for company; 0: 5 ms; below 0: never
	BundleLoad     int            // deliveries per second and Worker from which on it does; 0: 25000
	// Workers is how many Workers there may be, 0: 1. The IDs of a room's sessions are all
	// the same modulo Workers, so that datagrams can be steered to one of them
	// by their session ID alone.
	Workers int
	Upper   bool // session IDs are in the upper half of the 2^32, else in the lower one
	Besides int  // more Workers, behind these, that nothing is steered to

	Cluster *Cluster // nil: the relay is alone
}

func (c Config) withDefaults() Config {
	c.MaxSessions = cmp.Or(c.MaxSessions, 16384)
	c.MaxRooms = cmp.Or(c.MaxRooms, c.MaxSessions)
	c.MaxRoomSize = cmp.Or(c.MaxRoomSize, 1000)
	c.SilenceTimeout = cmp.Or(c.SilenceTimeout, 30*time.Second)
	c.HoldTime = cmp.Or(c.HoldTime, time.Minute)
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
	f := forward.Config{
		MaxSessions: c.MaxSessions, Workers: c.Workers, SessionRate: c.SessionRate, StrangerRate: c.StrangerRate,
		BundleWait: c.BundleWait, BundleLoad: c.BundleLoad, Upper: c.Upper, Besides: c.Besides,
	}
	if c.Cluster != nil {
		f.Number, f.Skip = c.Cluster.Number, c.Cluster.Skip
	}
	return f
}
