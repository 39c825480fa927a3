package engine

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/tincan-voice/tincan/audio"
	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/jitter"
	"github.com/tincan-voice/tincan/netproto"
)

// Config says which room to join and how. Address and Name are required; every other
// zero value is the good default.
type Config struct {
	// Address is the relay: host, host:port, or an IP address. The port is
	// netproto.DefaultPort unless given.
	Address string
	// Name is what the others see, 1 to 19 characters (netproto.CheckName).
	Name string
	// Room is the name of the room, "" for the relay's default room.
	Room string
	// Token is what the relay's operator asks for, if anything.
	Token string
	// Passphrase, if the members of the room agreed on one, keeps even the relay from
	// listening. Those with another one, or none, are not heard.
	Passphrase string

	// KnownRelays is the file with the certificates that were pinned on first use, ""
	// for tincan/known_relays in the user's configuration folder.
	KnownRelays string
	// Plaintext joins without TLS: the keys of the call can then be read on the way. It is for
	// a relay on the same machine.
	Plaintext bool

	// Source is where speech comes from, nil to listen only. It sets the pace: wrap a
	// file in audio.PacedSource. Once Join has succeeded the call owns it and closes it.
	Source audio.Source
	// Sink is where sound goes to, nil to discard it. Pace and ownership are as for Source.
	Sink audio.Sink

	// Encoder sets bitrate (24 kbit/s), FEC and complexity. Its DTX is set by Continuous. The bitrate
	// is the most that the ladder takes.
	//
	// The ladder (package adapt) chooses bitrate, stride, copies and FEC by what the network does.
	// Where Encoder.FEC, Stride or Copies is given it does not: the call is sent like that.
	Encoder codec.EncoderConfig
	// Continuous sends in silence too, where nothing is sent otherwise.
	Continuous bool
	// Stride is the number of frames per datagram, 1 to MaxStride; 0 is what the ladder chooses,
	// or 1 where Encoder.FEC or Copies is given, or what UpCap takes.
	Stride int
	// Copies are the offsets of redundant frames, see Talker.SetRedundancy. By default what the
	// ladder chooses.
	Copies []int
	// UpCap is the most that may be sent to the relay over any second, in kbit/s, all datagrams and
	// their IP and UDP headers counted. 0 is no cap. The least that speech can do with is 12
	// kbit/s.
	UpCap int
	// DownCap is the same for what the relay sends: it forwards fewer talkers at a time. 0 is no cap.
	DownCap int

	// Jitter configures the jitter buffers.
	Jitter jitter.Config
}

// Errors of Config.Validate, wrapped with cause and remedy; besides them netproto.ErrName,
// netproto.ErrRoom, codec.ErrConfig and ErrRedundancy.
var (
	// ErrAddress: Config.Address is not host or host:port.
	ErrAddress = errors.New("bad address")
	// ErrUpCap: Config.UpCap or DownCap is too small for speech.
	ErrUpCap = errors.New("bandwidth cap too small")
	// ErrKnownRelays: the file of pinned certificates cannot be used.
	ErrKnownRelays = errors.New("cannot use the file of known relays")
)

// Validate checks all that can be checked before anything is opened. Join calls it
// too; it is there so that a program can complain before it opens devices.
func (c *Config) Validate() error {
	if _, _, err := splitAddress(c.Address); err != nil {
		return err
	}
	if err := netproto.CheckName(c.Name); err != nil {
		return fmt.Errorf("name %q: %w", c.Name, err)
	}
	if err := netproto.CheckRoom(c.Room); err != nil {
		return fmt.Errorf("room %q: %w", c.Room, err)
	}
	if _, err := newRedundancy(c.Stride, c.Copies); err != nil {
		return err
	}
	if c.DownCap != 0 && c.DownCap < leastDownCap || c.DownCap > 65535 {
		return fmt.Errorf("%w: %d kbit/s down, speech with its headers takes %d at least; 0 is no cap", ErrUpCap, c.DownCap, leastDownCap)
	}
	s, err := c.sender(0, ipv6Overhead)
	if err != nil {
		return err
	}
	if _, err := NewSender(0, s); err != nil {
		return err
	}
	if !c.Plaintext {
		if _, err := c.knownRelays(); err != nil {
			return err
		}
	}
	return nil
}

// knownRelays returns the path of the file of pinned certificates.
func (c *Config) knownRelays() (string, error) {
	if c.KnownRelays != "" {
		return c.KnownRelays, nil
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("%w: no folder for it (%w): name a file in Config.KnownRelays", ErrKnownRelays, err)
	}
	return filepath.Join(dir, "tincan", "known_relays"), nil
}

// leastDownCap is what one talker takes in an emergency.
const leastDownCap = 12

// sender returns the configuration of what is sent on a path with so many bytes of IP and
// UDP headers per datagram.
func (c *Config) sender(session uint32, overhead int) (SenderConfig, error) {
	s := SenderConfig{
		Talker:   TalkerConfig{Session: session, Encoder: c.Encoder, Stride: c.Stride, Copies: c.Copies},
		Fixed:    c.Stride > 0 || len(c.Copies) > 0 || c.Encoder.FEC,
		Cap:      c.UpCap,
		Overhead: overhead,
	}
	s.Talker.Encoder.DTX = !c.Continuous
	if c.UpCap == 0 {
		return s, nil
	}
	fit := s.Talker
	err := fit.FitCap(c.UpCap, overhead)
	if s.Fixed {
		s.Talker = fit
	}
	return s, err
}

// splitAddress takes host, host:port, an IP address or [IPv6]:port apart.
func splitAddress(address string) (host string, port int, err error) {
	bad := func(why string) (string, int, error) {
		return "", 0, fmt.Errorf("%w %q: %s; write host or host:port, as in voice.example.org or 192.0.2.7:%d",
			ErrAddress, address, why, netproto.DefaultPort)
	}
	host, port = address, netproto.DefaultPort
	inner := address
	if strings.HasPrefix(address, "[") && strings.HasSuffix(address, "]") {
		inner = address[1 : len(address)-1]
	}
	if net.ParseIP(inner) != nil {
		host = inner // an IPv6 address has colons of its own
	} else if strings.Contains(address, ":") {
		var text string
		if host, text, err = net.SplitHostPort(address); err != nil {
			return bad("more than one colon, or brackets that do not match")
		}
		if port, err = strconv.Atoi(text); err != nil || port < 1 || port > 65535 {
			return bad("the port is not a number from 1 to 65535")
		}
	}
	switch {
	case host == "":
		return bad("no host")
	case strings.ContainsAny(host, " /\\@?#[]") || strings.ContainsFunc(host, func(r rune) bool { return r < ' ' }):
		return bad("that is no host name")
	}
	return strings.ToLower(host), port, nil
}
