package engine

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/tincan-voice/tincan/audio"
	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/internal/address"
	"github.com/tincan-voice/tincan/internal/repair"
	"github.com/tincan-voice/tincan/jitter"
	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/netproto/wire"
)

// Config says which room to join and how. Address and Name are required; every other
// zero value is the good default.
type Config struct {
	// Address is the relay: host, host:port, or an IP address; IPv6 with or without brackets, and with a zone
	// where it needs one, as in [fe80::1%eth0]:9999. The port is netproto.DefaultPort unless given.
	Address string
	// Name is what the others see, 1 to 19 characters (netproto.CheckName).
	Name string
	// Room is the name of the room, "" for the relay's default room.
	Room string
	// Token is what the relay's operator asks for, if anything.
	Token string
	// Passphrase, if the members of the room agreed on one, keeps even the relay from
	// listening, whatever it does. Those with another one, or none, are not heard.
	Passphrase string

	// Identity, unless nil, is an Ed25519 private key by which the others know us again, in sealed rooms.
	Identity ed25519.PrivateKey
	// KnownMembers is the file with the keys of those who were met in sealed rooms (PeerIdentity). "": nobody is
	// remembered beyond the call.
	KnownMembers string

	// KnownRelays is the file with the certificates that were pinned on first use, ""
	// for tincan/known_relays in the user's configuration folder.
	KnownRelays string
	// Fingerprint, unless "", is that of the relay's certificate, as it prints it: then no other one will do. It is for
	// who has been told it, and so need not trust the first meeting. invite.Verified takes any that the system's roots
	// verify for the relay's name, and no other.
	Fingerprint string
	// Plaintext joins without TLS: the keys of the call can then be read on the way. It is for
	// a relay on the same machine.
	Plaintext bool

	// Network, unless nil, is how the relay is reached in place of the system's TCP, TLS and UDP. Then Address says no
	// more than which relay is meant, and KnownRelays, Fingerprint, Plaintext and Also are not for that.
	Network *Network

	// Source is where speech comes from, nil to listen only. It sets the pace. Once Join has succeeded the call owns it
	// and closes it.
	Source audio.Source
	// Sink is where sound goes to, nil to discard it. Pace and ownership are as for Source.
	Sink audio.Sink
	// Open, unless nil, is asked for Source and Sink in their place, once, when the relay has let us in: so nothing
	// is opened or made for a call that does not come about. ctx ends when joining is given up. Either may be nil. With
	// an error Open returns neither, having closed what it opened, and Join fails with that error; what it did
	// return the call owns at once, and Join closes it if it fails afterwards.
	Open func(ctx context.Context) (audio.Source, audio.Sink, error)

	// ReopenSource and ReopenSink, unless nil, are asked for another Source or Sink when the one in use has
	// broken, every second until they return one without an error: a device may have been unplugged for a while. They
	// may also wait until there is one. Meanwhile the call goes on, and after a second FaultInputFailed or
	// FaultOutputFailed is in force. The call owns what they return. ctx ends with the call, and with Call.SetSource or
	// SetSink.
	ReopenSource func(ctx context.Context) (audio.Source, error)
	ReopenSink   func(ctx context.Context) (audio.Sink, error)

	// Encoder sets bitrate (24 kbit/s), FEC and complexity. Its DTX is set by Continuous. The bitrate
	// is the most that the ladder takes.
	//
	// The ladder (package adapt) chooses bitrate, stride, copies and FEC by what the network does.
	// Where Encoder.FEC, Stride or Copies is given it does not: the call is sent like that.
	Encoder codec.EncoderConfig
	// Level brings the talkers that are heard slowly to one loudness, 12 dB up or down at most.
	Level bool
	// Decoder sets how much CPU decoding may take.
	Decoder codec.DecoderConfig
	// Continuous sends in silence too, where nothing is sent otherwise.
	Continuous bool
	// VoiceOnly sends nothing but voice, so no fan and no keyboard between words, but no music either.
	VoiceOnly bool
	// Stride is the number of frames per datagram, 1 to MaxStride; 0 is what the ladder chooses,
	// or 1 where Encoder.FEC or Copies is given, or what UpCap takes.
	Stride int
	// Copies are the offsets of redundant frames, see Talker.SetRedundancy. By default what the
	// ladder chooses.
	Copies []int
	// UpCap is the most that may be sent to the relay over any second, at most MaxCap, all datagrams and their IP and
	// UDP headers counted. 0 is no cap. The least that speech can do with is 12 kbit/s.
	UpCap wire.Kbps
	// DownCap is the same for what the relay sends, in whole kbit/s: it forwards fewer talkers at a time. 0 is no cap.
	DownCap wire.Kbps

	// Also is a network interface, or an address of this machine, by which a second UDP socket takes a second path to
	// the relay: what is sent goes by both, so that nothing is missing when one of them dies. It may come and go. "":
	// none.
	Also string

	// GiveUp is how long a call goes on without its control connection, which is dialed again all the while: then it
	// ends with ErrConnectionLost. 0: for ever.
	GiveUp time.Duration

	// Jitter configures the jitter buffers.
	Jitter jitter.Config

	key      netproto.PassphraseKey // of Passphrase
	vouched  string                 // fingerprint by which the relay that sent us to Address knows the one there
	resolver resolver               // in tests; nil: net.DefaultResolver
	roots    *x509.CertPool         // in tests; nil: the system's
}

// Errors of Config.Validate, wrapped with cause and remedy; besides them netproto.ErrName,
// netproto.ErrRoom, netproto.ErrIdentity, codec.ErrConfig, codec.ErrNoCodec and stream.ErrRedundancy.
var (
	// ErrAddress: Config.Address is not host or host:port.
	ErrAddress = address.ErrAddress
	// ErrUpCap: Config.UpCap or DownCap is too small for speech, or larger than MaxCap.
	ErrUpCap = errors.New("bandwidth cap out of range")
	// ErrAlso: Config.Also is no network interface and no address of this machine.
	ErrAlso = errors.New("no such second path")
	// ErrFingerprint: Config.Fingerprint is none.
	ErrFingerprint = errors.New("bad fingerprint")
	// ErrKnownRelays: the file of pinned certificates cannot be used.
	ErrKnownRelays = errors.New("cannot use the file of known relays")
)

// Validate checks all that can be checked before anything is opened. Join calls it
// too; it is there so that a program can complain before it opens devices.
func (c *Config) Validate() error {
	if err := c.checkRelay(); err != nil {
		return err
	}
	if err := netproto.CheckName(c.Name); err != nil {
		return fmt.Errorf("name %q: %w", c.Name, err)
	}
	if err := netproto.CheckRoom(c.Room); err != nil {
		return fmt.Errorf("room %q: %w", c.Room, err)
	}
	for _, kbps := range []wire.Kbps{c.UpCap, c.DownCap} {
		if kbps != 0 && (kbps < leastCap || kbps > MaxCap) {
			return fmt.Errorf("%w: %.0f kbit/s; speech with its headers takes %.0f at least, %.0f is the most, 0 is no cap", ErrUpCap, kbps, leastCap, MaxCap)
		}
	}
	if n := len(c.Identity); n != 0 && n != ed25519.PrivateKeySize {
		return fmt.Errorf("%w: Config.Identity has %d bytes, an Ed25519 private key has %d", netproto.ErrIdentity, n, ed25519.PrivateKeySize)
	}
	if c.Also != "" {
		if err := checkAlso(c.Also); err != nil {
			return err
		}
	}
	s, err := c.sender(0, wire.IPv6Overhead)
	if err != nil {
		return err
	}
	if _, err := NewSender(0, s); err != nil {
		return err
	}
	if _, err := c.Decoder.Complete(); err != nil {
		return err
	}
	if !c.Plaintext && c.Network == nil {
		if _, err := c.knownRelays(); err != nil {
			return err
		}
	}
	return nil
}

// checkRelay checks where the relay is said to be, and how it is to prove itself.
func (c *Config) checkRelay() error {
	if _, err := address.Parse(c.Address); err != nil {
		return err
	}
	if c.Fingerprint != "" && c.Fingerprint != verified && !isFingerprint(c.Fingerprint) {
		return fmt.Errorf("%w %q: write it as the relay prints it, SHA256: and 43 letters, digits, + and /", ErrFingerprint, c.Fingerprint)
	}
	if c.Fingerprint != "" && c.Plaintext {
		return fmt.Errorf("%w: without TLS a relay has none", ErrFingerprint)
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

// leastCap is what one talker takes in an emergency, and what is no voice.
const leastCap = repair.LeastRate + repair.DownControl

// MaxCap is the largest UpCap and DownCap: what a report has room for (docs/protocol.md).
const MaxCap wire.Kbps = 65535

// sender returns the configuration of what is sent on a path with so many bytes of IP and
// UDP headers per datagram.
func (c *Config) sender(session uint32, overhead int) (SenderConfig, error) {
	s := SenderConfig{
		Talker:   TalkerConfig{Session: session, Encoder: c.Encoder, Continuous: c.Continuous, Stride: c.Stride, Copies: c.Copies, VoiceOnly: c.VoiceOnly},
		Fixed:    c.Stride > 0 || len(c.Copies) > 0 || c.Encoder.FEC,
		Cap:      c.UpCap,
		Overhead: overhead,
	}
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
