package swarm

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/tincan-voice/tincan/internal/address"
)

// ErrConfig is what Run's error is when a value of Config makes no sense.
var ErrConfig = errors.New("bad configuration")

// Limits of a Config.
const (
	// MaxClients is how many clients one process plays. More would run out of
	// local TCP ports: Linux has 28,232 of them per relay.
	MaxClients = 20000
	minSize    = 12 // a frame holds 8 bytes of time even if it is a quarter shorter
	maxSize    = 900
	minProbe   = time.Second
	maxChurn   = 1000
	maxNoise   = 1000000
	maxProbe   = 20 * time.Second // a relay stops sending to who is silent for 30 s
	maxFor     = time.Hour
)

// Config says whom to load and how much. Address is required.
type Config struct {
	Address string // host, host:port or an IP address; the port is netproto.DefaultPort unless given

	// Also are other relays of its cluster, with the same key: the members of each room are spread over all of them
	// in turn, and so are its talkers.
	Also []string

	Clients int           // sessions in all; 0: 500
	Rooms   int           // they are spread over, evenly; 0: 1
	Talkers int           // per room, without a pause; 0: nobody talks
	For     time.Duration // of talking, after all have joined; 0: 30 s
	Rate    int           // joins per second; 0: 250
	Size    int           // mean size of an Opus frame in bytes, varying by a quarter; 0: 60 (24 kbit/s)
	Probe   time.Duration // between two probes of a client; 0: as real ones do, 1 s while they talk and else 2 s

	Tunnel int // percent of the clients whose datagrams go by TCP; on Linux and with TLS

	// Unrest beside the talking. Nothing of it may cost the clients a datagram.
	Churn int // per second, people who come, stay for 2 s and go, in one way or another
	Roam  int // per second, clients that change their address; on Linux
	Noise int // datagrams per second that are malformed, forged or repeated

	// Plaintext speaks JSON without TLS, which relays take from their own machine only.
	// With TLS any certificate will do, but all connections must meet the same key.
	Plaintext bool
	// Progress, if not nil, is told in a few words what is going on.
	Progress func(string)
}

func (c Config) withDefaults() Config {
	c.Clients = cmp.Or(c.Clients, 500)
	c.Rooms = cmp.Or(c.Rooms, 1)
	c.For = cmp.Or(c.For, 30*time.Second)
	c.Rate = cmp.Or(c.Rate, 250)
	c.Size = cmp.Or(c.Size, 60)
	if c.Progress == nil {
		c.Progress = func(string) {}
	}
	return c
}

// Validate checks what can be checked before anything is opened. Run calls it
// too. The error is ErrConfig, wrapped with what is wrong.
func (c Config) Validate() error {
	c = c.withDefaults()
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrConfig, fmt.Sprintf(format, args...))
	}
	between := func(name string, v, least, most int) error {
		if v < least || v > most {
			return bad("%s %d: want %d to %d", name, v, least, most)
		}
		return nil
	}
	if _, err := address.Parse(c.Address); err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	for _, also := range c.Also {
		if _, err := address.Parse(also); err != nil {
			return fmt.Errorf("%w: %w", ErrConfig, err)
		}
	}
	switch {
	case c.For < 0 || c.For > maxFor:
		return bad("time %v: want more than 0, at most %v", c.For, maxFor)
	case c.Probe != 0 && (c.Probe < minProbe || c.Probe > maxProbe):
		return bad("probe interval %v: want %v to %v, or 0", c.Probe, minProbe, maxProbe)
	case c.Roam > 0 && !onLinux:
		return bad("address changes %d: only on Linux", c.Roam)
	case c.Tunnel > 0 && (!onLinux || c.Plaintext || c.Roam > 0):
		return bad("tunnels for %d %% of the clients: only on Linux, with TLS, and where nobody changes the address", c.Tunnel)
	}
	return cmp.Or(
		between("clients", c.Clients, 1, MaxClients),
		between("rooms", c.Rooms, 1, c.Clients),
		between("talkers per room", c.Talkers, 0, c.Clients/c.Rooms),
		between("joins per second", c.Rate, 1, 10000),
		between("frame size", c.Size, minSize, maxSize),
		between("percent of the clients in tunnels", c.Tunnel, 0, 100),
		between("comings and goings per second", c.Churn, 0, maxChurn),
		between("address changes per second", c.Roam, 0, c.Clients), // each keeps its old one for a second
		between("noise", c.Noise, 0, maxNoise))
}
