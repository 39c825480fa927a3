package relay

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/rooms"
	"github.com/tincan-voice/tincan/netproto"
)

// Who may connect without TLS.
const (
	PlaintextLoopback = ""    // programs on the relay's own machine
	PlaintextAny      = "any" // everyone: names, keys and all can be read on the way
)

// ErrConfig is what Listen's error is when the Config makes no sense.
var ErrConfig = errors.New("bad configuration")

// Config says how a Server runs. The zero value is the good default, and
// every limit of 0 means the value that stands beside it; one below 0 is an error
// where nothing else is said.
type Config struct {
	// Addr is where the relay listens, TCP and UDP both. The zero value is
	// port 9999 on all interfaces; the port 0 of an address is any free one.
	Addr netip.AddrPort
	// Plaintext is PlaintextLoopback or PlaintextAny.
	Plaintext string
	// CertFile and KeyFile are PEM files of a certificate of one's own. Without
	// them the relay makes one and keeps it in StateDir.
	CertFile, KeyFile string
	// StateDir is the directory of relay.pem, the self-made certificate.
	// "": tincan in the user's configuration directory.
	StateDir string
	// Log gets what an operator should know, never a line per datagram. It may stand still: then
	// lines are lost, and counted, and nobody waits but the end, for a second. nil: nothing.
	Log *slog.Logger

	MaxConns        int           // 0: 20000 TCP connections in all
	MaxConnsPerAddr int           // 0: 64 per IP address (IPv6: per /64); loopback has no such limit
	MaxPending      int           // 0: 4096 connections that have not sent a name
	NamelessRate    int           // 0: 10 connections per second and IP address that never send one; 8 s may be saved up; loopback has no such limit
	LoginTimeout    time.Duration // 0: 10 s from connection to name
	PackageRate     int           // 0: 10 packages per second and connection; 4 s may be saved up
	MaxQueue        int           // 0: 256 KiB for one slow reader besides the user list, as much again in the kernel
	MaxBegun        int           // 0: 16 MiB of packages without their ends, from all clients together
	WriteTimeout    time.Duration // 0: 10 s for a reader to take one package

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

	// Workers is the number of UDP sockets and of goroutines that serve them. 0: one per core.
	Workers int
}

func (c Config) withDefaults() (Config, error) {
	if c.Addr == (netip.AddrPort{}) {
		c.Addr = netip.AddrPortFrom(netip.IPv6Unspecified(), netproto.DefaultPort)
	}
	if c.Plaintext != PlaintextLoopback && c.Plaintext != PlaintextAny {
		return c, fmt.Errorf("relay: %w: Plaintext %q: want nothing or %q", ErrConfig, c.Plaintext, PlaintextAny)
	}
	if (c.CertFile == "") != (c.KeyFile == "") {
		return c, fmt.Errorf("relay: %w: a certificate needs its key: give both or neither", ErrConfig)
	}
	for _, limit := range []struct {
		name  string
		value int64
	}{
		{"MaxConns", int64(c.MaxConns)}, {"MaxConnsPerAddr", int64(c.MaxConnsPerAddr)}, {"MaxPending", int64(c.MaxPending)},
		{"NamelessRate", int64(c.NamelessRate)}, {"LoginTimeout", int64(c.LoginTimeout)}, {"PackageRate", int64(c.PackageRate)},
		{"MaxQueue", int64(c.MaxQueue)}, {"MaxBegun", int64(c.MaxBegun)}, {"WriteTimeout", int64(c.WriteTimeout)},
		{"MaxSessions", int64(c.MaxSessions)}, {"MaxRooms", int64(c.MaxRooms)}, {"MaxRoomSize", int64(c.MaxRoomSize)},
		{"SilenceTimeout", int64(c.SilenceTimeout)}, {"SessionRate", int64(c.SessionRate)}, {"StrangerRate", int64(c.StrangerRate)},
		{"BundleLoad", int64(c.BundleLoad)}, {"Workers", int64(c.Workers)},
	} {
		if limit.value < 0 {
			return c, fmt.Errorf("relay: %w: %s is below 0: want 0 for the default, or more", ErrConfig, limit.name)
		}
	}
	if c.CertFile == "" && c.StateDir == "" {
		dir, err := os.UserConfigDir()
		if err != nil {
			return c, fmt.Errorf("relay: no place for the certificate (%w): give a state directory", err)
		}
		c.StateDir = filepath.Join(dir, "tincan")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.MaxConns = cmp.Or(c.MaxConns, 20000)
	c.MaxConnsPerAddr = cmp.Or(c.MaxConnsPerAddr, 64)
	c.MaxPending = cmp.Or(c.MaxPending, 4096)
	c.NamelessRate = cmp.Or(c.NamelessRate, 10)
	c.LoginTimeout = cmp.Or(c.LoginTimeout, 10*time.Second)
	c.PackageRate = cmp.Or(c.PackageRate, 10)
	c.MaxQueue = cmp.Or(c.MaxQueue, 256<<10)
	c.MaxBegun = cmp.Or(c.MaxBegun, 16<<20)
	c.WriteTimeout = cmp.Or(c.WriteTimeout, 10*time.Second)
	c.Workers = cmp.Or(c.Workers, runtime.GOMAXPROCS(0))
	return c, nil
}

// core is the part that bounds rooms, sessions and datagrams, with that many workers.
func (c Config) core(workers int) rooms.Config {
	return rooms.Config{
		MaxSessions: c.MaxSessions, MaxRooms: c.MaxRooms, MaxRoomSize: c.MaxRoomSize,
		SilenceTimeout: c.SilenceTimeout, SessionRate: c.SessionRate, StrangerRate: c.StrangerRate,
		Talkers: c.Talkers, RoomTalkers: c.RoomTalkers,
		BundleWait: c.BundleWait, BundleLoad: c.BundleLoad, Workers: workers,
	}
}
