package rooms

import (
	"cmp"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/forward"
)

// Config holds what bounds a Core. The zero value is the good default; relay.Config says what each field means.
type Config struct {
	MaxSessions, MaxRooms, MaxRoomSize int
	SilenceTimeout                     time.Duration
	SessionRate, StrangerRate          int // per second
	Talkers                            int
	RoomTalkers                        map[string]int
	BundleWait                         time.Duration
	BundleLoad                         int // datagrams per second
	// Workers is how many Workers there may be, 0: 1. The IDs of a room's sessions are all
	// the same modulo Workers, so that datagrams can be steered to one of them
	// by their session ID alone.
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
