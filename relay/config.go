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
	"strings"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/rooms"
	"github.com/tincan-voice/tincan/netproto"
)

// Who may connect without TLS.
const (
	PlaintextLoopback = ""    // programs on the relay's own machine
	PlaintextAny      = "any" // everyone: names, keys and all can be read on the way
)

// Errors to match with errors.Is, besides those of the operating system.
var (
	// ErrConfig: the Config makes no sense.
	ErrConfig = errors.New("bad configuration")
	// ErrPortInUse: somebody else has the port.
	ErrPortInUse = errors.New("the port is in use")
	// ErrServing: Serve has been called before.
	ErrServing = errors.New("relay: Serve was called before")
)

// Config says how a Server runs. The zero value is the good default: each field says what
// 0 means. A limit below 0 is ErrConfig where nothing else is said.
type Config struct {
	// Addr is where the relay listens, TCP and UDP both. The zero value is
	// port 9999 on all interfaces; the port 0 of an address is any free one.
	Addr netip.AddrPort
	// Plaintext is PlaintextLoopback or PlaintextAny.
	Plaintext string
	// CertFile and KeyFile are PEM files of a certificate of one's own. Without
	// them the relay makes one and keeps it in StateDir.
	CertFile, KeyFile string
	// ACMEName is the relay's name in DNS, for which it gets a certificate by ACME (RFC 8555) from Let's Encrypt, whose
	// terms it accepts: TCP port 80 of the name must lead to this machine, where it is open only while that goes on.
	// The certificate is kept in StateDir and renewed in time. Who dials another name, or an address, gets the
	// self-made one. "": none.
	ACMEName string
	// TokenFile has the tokens without one of which nobody may come in: internal/relay/access, Parse, has its form. "":
	// everyone may. Reload reads it again.
	TokenFile string
	// StateDir is the directory of relay.pem, the self-made certificate, and of what is to outlive the relay: bans and
	// mutes. "": tincan in the user's configuration directory.
	StateDir string
	// Log gets what an operator should know, never a line per datagram. It may stand still: then
	// lines are lost, and counted, and nobody waits but the end, for a second. nil: nothing.
	Log *slog.Logger

	// MaxConns is how many TCP connections there may be in all. 0: 20000, or a quarter more than MaxSessions.
	MaxConns int
	// MaxConnsPerAddr is how many come from one IP address (IPv6: one /64, and more from its /56 and /48); loopback has
	// no such limit. 0: 64.
	MaxConnsPerAddr int
	// MaxPending is how many may not have sent a name yet. 0: 4096.
	MaxPending int
	// NamelessRate is how many connections per second from one IP address (IPv6: one /64) may end without a name;
	// 8 s of them may be saved up, and loopback has no such limit. 0: 10.
	NamelessRate int
	// LoginTimeout is the time from connection to name. 0: 10 s.
	LoginTimeout time.Duration
	// PackageRate is how many packages per second one connection may send; 4 s of them may be saved up. 0: 10.
	PackageRate int
	// MaxUnsent is how many bytes may wait for one slow reader besides the user list, and as many again in the
	// kernel. 0: 256 KiB.
	MaxUnsent int
	// MaxBegun is how many bytes of packages without their ends may be held, from all clients together. 0: 16 MiB.
	MaxBegun int
	// WriteTimeout is the time that a reader has to take one package. 0: 10 s.
	WriteTimeout time.Duration

	// MaxSessions is how many sessions there may be in all. 0: 16384.
	MaxSessions int
	// MaxRooms is how many rooms there may be: one is made by its first member and ends with its last. 0: as many as
	// sessions, so that nobody uses them up before those.
	MaxRooms int
	// MaxRoomSize is how many members a room may have. 0: 1000.
	MaxRoomSize int

	// SilenceTimeout is how long nothing valid may come from a session until
	// nothing more is sent to its address. The next valid datagram from there
	// ends the silence. 0: 30 s.
	SilenceTimeout time.Duration

	// HoldTime is how long a session with voice outlives the loss of its control connection, or its last datagram if
	// that comes later: meanwhile it is a member as any other, and its client may resume it. One address (IPv6: one
	// /64) has MaxConnsPerAddr such sessions at most. 0: 60 s; below 0: it ends with the connection.
	HoldTime time.Duration
	// DrainTime is how long clients have to go elsewhere: see Server.Drain. 0: 10 s.
	DrainTime time.Duration

	// SessionRate is how many datagrams per second one session may send;
	// it may save up 2 s of them. 0: 200, four times what voice at 20 ms takes. They may have 200 bytes on average,
	// headers counted: 320 kbit/s.
	SessionRate int
	// StrangerRate is how many datagrams per second from addresses that are
	// not their session's own are looked at, per IP address (IPv6: per /64);
	// 1 s of them may be saved up, and those that prove genuine do not count.
	// Beyond it each session has 100 per second of its own. 0: 1000.
	StrangerRate int

	// Talkers is how many of a room are forwarded at a time: the loudest. 0: 4;
	// below 0: all.
	Talkers int
	// RoomTalkers has other numbers of Talkers for rooms by name; "" is the default room.
	RoomTalkers map[string]int

	// BundleWait is how long a datagram may wait to go out together with those
	// of other talkers, when at least three are heard in its room, one of the
	// others is expected to send within that time, and the worker delivers more
	// than BundleLoad datagrams per second. 0: 5 ms; below 0: never.
	BundleWait time.Duration
	// BundleLoad is from how many deliveries per second on a worker makes bundles. 0: 25000, about 3 % of a core.
	BundleLoad int

	// Workers is the number of UDP sockets and of goroutines that serve them. 0: one per core.
	Workers int

	// Replace takes the sockets of the relay of the same user that serves at Addr on this machine, if there is one, and
	// has it drain: Addr has to be written as it was there, and Workers are as many as it has. Sessions begin anew
	// here. Linux only: elsewhere it is ErrConfig.
	Replace bool

	// Web is the page for browsers, which the relay shows on its TCP port. The zero value: none, and it speaks no HTTP.
	Web Web

	// Cluster makes the relay one of several. nil: it is alone, and nothing of that is there.
	Cluster *Cluster

	acmeDirectory, acmeListen string // in tests; "": Let's Encrypt, and port 80
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
	if _, err := netip.ParseAddr(c.ACMEName); c.ACMEName != "" && (err == nil || !strings.Contains(c.ACMEName, ".") || strings.ContainsAny(c.ACMEName, ":/ ")) {
		return c, fmt.Errorf("relay: %w: ACMEName %q: want a name as in voice.example.org", ErrConfig, c.ACMEName)
	}
	if c.ACMEName != "" && c.CertFile != "" {
		return c, fmt.Errorf("relay: %w: a certificate by ACME or one of your own, not both", ErrConfig)
	}
	if c.Web.Port > 65535 {
		return c, fmt.Errorf("relay: %w: Web.Port %d: want a UDP port", ErrConfig, c.Web.Port)
	}
	for _, limit := range []struct {
		name  string
		value int64
	}{
		{"MaxConns", int64(c.MaxConns)}, {"MaxConnsPerAddr", int64(c.MaxConnsPerAddr)}, {"MaxPending", int64(c.MaxPending)},
		{"NamelessRate", int64(c.NamelessRate)}, {"LoginTimeout", int64(c.LoginTimeout)}, {"PackageRate", int64(c.PackageRate)},
		{"MaxUnsent", int64(c.MaxUnsent)}, {"MaxBegun", int64(c.MaxBegun)}, {"WriteTimeout", int64(c.WriteTimeout)},
		{"MaxSessions", int64(c.MaxSessions)}, {"MaxRooms", int64(c.MaxRooms)}, {"MaxRoomSize", int64(c.MaxRoomSize)},
		{"SilenceTimeout", int64(c.SilenceTimeout)}, {"SessionRate", int64(c.SessionRate)}, {"StrangerRate", int64(c.StrangerRate)},
		{"DrainTime", int64(c.DrainTime)},
		{"BundleLoad", int64(c.BundleLoad)}, {"Workers", int64(c.Workers)},
	} {
		if limit.value < 0 {
			return c, fmt.Errorf("relay: %w: %s is below 0: want 0 for the default, or more", ErrConfig, limit.name)
		}
	}
	if err := c.Cluster.check(); err != nil {
		return c, err
	}
	if c.StateDir == "" {
		dir, err := os.UserConfigDir()
		switch {
		case err == nil:
			c.StateDir = filepath.Join(dir, "tincan")
		case c.CertFile == "":
			return c, fmt.Errorf("relay: no place for the certificate (%w): give a state directory", err)
		}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.MaxConns = cmp.Or(c.MaxConns, max(20000, c.MaxSessions+c.MaxSessions/4))
	c.MaxConnsPerAddr = cmp.Or(c.MaxConnsPerAddr, 64)
	c.MaxPending = cmp.Or(c.MaxPending, 4096)
	c.NamelessRate = cmp.Or(c.NamelessRate, 10)
	c.LoginTimeout = cmp.Or(c.LoginTimeout, 10*time.Second)
	c.PackageRate = cmp.Or(c.PackageRate, 10)
	c.MaxUnsent = cmp.Or(c.MaxUnsent, 256<<10)
	c.MaxBegun = cmp.Or(c.MaxBegun, 16<<20)
	c.WriteTimeout = cmp.Or(c.WriteTimeout, 10*time.Second)
	c.DrainTime = cmp.Or(c.DrainTime, 10*time.Second)
	c.Workers = cmp.Or(c.Workers, runtime.GOMAXPROCS(0))
	return c, nil
}

// core is the part that bounds rooms, sessions and datagrams, with that many workers, as many
// lanes for tunnels, and that half of the session IDs.
func (c Config) core(workers int, upper bool) rooms.Config {
	return rooms.Config{
		MaxSessions: c.MaxSessions, MaxRooms: c.MaxRooms, MaxRoomSize: c.MaxRoomSize,
		SilenceTimeout: c.SilenceTimeout, HoldTime: c.HoldTime, SessionRate: c.SessionRate, StrangerRate: c.StrangerRate,
		Talkers: c.Talkers, RoomTalkers: c.RoomTalkers,
		BundleWait: c.BundleWait, BundleLoad: c.BundleLoad, Workers: workers, Besides: workers, Upper: upper,
		Cluster: c.Cluster.rooms(),
	}
}

// Check says what is wrong with the configuration, its certificate and its tokens, and takes no port. A certificate
// that is yet to be made is not missing.
func (c Config) Check() error {
	c, err := c.withDefaults()
	if err != nil {
		return err
	}
	if _, err := os.Stat(certFiles(c)[0]); c.CertFile != "" || err == nil {
		if _, err := loadIdentity(c); err != nil {
			return err
		}
	}
	_, err = loadTokens(c)
	return err
}
