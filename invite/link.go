// Package invite has the links by which people are invited to a room. One carries all that it takes to come in, and to
// be sure where one is:
//
//	tincan://voice.example.org/kitchen#1xUxCo...
//	         relay             room     version, fingerprint of the relay, passphrase of the room, checksum
//
// docs/protocol.md, section 16, has the bytes. What follows the # is a secret where the room has a passphrase. The
// fields of a Link are those of the same names of engine.Config.
package invite

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/tincan-voice/tincan/internal/address"
	"github.com/tincan-voice/tincan/netproto"
)

// Verified is the Fingerprint of a relay whose certificate the system's roots verify for its name: it may be renewed,
// with another key, and so with another fingerprint.
const Verified = "verified"

// ErrLink says that a text is no invitation, or that a Link cannot be one. It comes wrapped with cause and remedy, and
// without what is secret.
var ErrLink = errors.New("bad invitation link")

// Link is an invitation.
type Link struct {
	Address     string // of the relay: host or host:port; Parse gives host:port, with an IPv6 address in brackets
	Room        string // "" for the relay's default room
	Fingerprint string // of the relay's certificate, as it prints it: "SHA256:..."; or Verified
	// Passphrase is one that NewPassphrase has made, or "" for a room that has none, or one of its members' choice that
	// they tell each other otherwise.
	Passphrase string
}

const (
	scheme         = "tincan://"
	version        = "1"
	passphraseSize = 16 // bytes: nobody guesses one of 2^128
	checksumSize   = 4  // bytes: of 2^32 links that were changed by accident one passes
)

var encoding = base64.RawURLEncoding.Strict()

// NewPassphrase returns a passphrase of 128 random bits, 22 characters of base64url (RFC 4648, 5).
func NewPassphrase() string {
	var random [passphraseSize]byte
	_, _ = rand.Read(random[:]) // never fails
	return encoding.EncodeToString(random[:])
}

// Is tells whether a text is meant to be a link, and not the address of a relay.
func Is(text string) bool {
	text = trim(text)
	return len(text) >= len(scheme) && strings.EqualFold(text[:len(scheme)], scheme)
}

// Text is the link as it is sent: ASCII, and nothing in it that a mail program would take for its own, nor, but for the
// brackets of an IPv6 address, a shell. The error is ErrLink.
func (l Link) Text() (string, error) {
	a, payload, err := l.parts()
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrLink, err)
	}
	host := escape(a.Host)
	if strings.Contains(a.Host, ":") {
		host = "[" + a.Host + "]"
	}
	if a.Port != netproto.DefaultPort {
		host += ":" + strconv.Itoa(a.Port)
	}
	payload = append(payload, checksum(payload, l.Room)...)
	return scheme + host + "/" + escape(l.Room) + "#" + version + encoding.EncodeToString(payload), nil
}

// Parse reads a link, also one with line breaks in it, in angle brackets, or with the punctuation of the sentence
// that it stood in. The error is ErrLink.
func Parse(text string) (Link, error) {
	if !Is(text) {
		return Link{}, fmt.Errorf("%w: write %sHOST/ROOM#..., as tincan invite prints it", ErrLink, scheme)
	}
	front, fragment, _ := strings.Cut(trim(text)[len(scheme):], "#")
	host, room, _ := strings.Cut(strings.NewReplacer("\r", "", "\n", "").Replace(front), "/")
	bad := func(err error) (Link, error) { return Link{}, fmt.Errorf("%w to %q: %w", ErrLink, host, err) }
	host, badHost := url.PathUnescape(host)
	room, badRoom := url.PathUnescape(room)
	fragment = strings.Join(strings.Fields(fragment), "")
	payload, found := strings.CutPrefix(fragment, version)
	if !found && fragment != "" {
		return bad(fmt.Errorf("it is of version %.1q, and this program knows version %s: get a newer one, or ask for another link", fragment, version))
	}
	data, err := encoding.DecodeString(payload)
	n := len(data) - checksumSize
	if errors.Join(badHost, badRoom, err) != nil || n < 0 || !bytes.Equal(data[n:], checksum(data[:n], room)) {
		return bad(errors.New("it is cut off, or was changed on its way: copy all of it, or have it sent again"))
	}
	l := Link{Address: host, Room: room, Fingerprint: Verified}
	if data = data[:n]; n >= sha256.Size {
		l.Fingerprint = netproto.FingerprintOf([sha256.Size]byte(data))
		data = data[sha256.Size:]
	}
	l.Passphrase = encoding.EncodeToString(data)
	a, _, err := l.parts()
	if err != nil {
		return bad(err)
	}
	l.Address = a.String()
	return l, nil
}

// parts checks a link: where the relay is, and what stands behind the version but for the checksum.
func (l Link) parts() (a address.Address, payload []byte, err error) {
	if a, err = address.Parse(l.Address); err != nil {
		return a, nil, err
	}
	if strings.Contains(a.Host, "%") {
		return a, nil, fmt.Errorf("address %q is good on one network only: give one that leads to the relay from others", l.Address)
	}
	if err := netproto.CheckRoom(l.Room); err != nil {
		return a, nil, fmt.Errorf("room %q: %w", l.Room, err)
	}
	if l.Fingerprint != Verified {
		sum, ok := netproto.ParseFingerprint(l.Fingerprint)
		if payload = sum[:]; !ok {
			return a, nil, fmt.Errorf("fingerprint %q: write it as the relay prints it, SHA256: and 43 letters, digits, + and /", l.Fingerprint)
		}
	}
	random, err := encoding.DecodeString(l.Passphrase)
	if err != nil || len(random) != 0 && len(random) != passphraseSize || encoding.EncodeToString(random) != l.Passphrase { // line breaks
		return a, nil, errors.New("it takes no passphrase that somebody has thought of: let one be made, or tell it otherwise")
	}
	return a, append(payload, random...), nil
}

// trim takes off what people and programs put around a link (RFC 3986, appendix C).
func trim(text string) string { return strings.Trim(strings.TrimSpace(text), `<>()"'.,;:!?`) }

// checksum shows that a link came as it was sent. Not in it is the relay's address: another one that leads to the same
// relay is as good.
func checksum(payload []byte, room string) []byte {
	sum := sha256.Sum256([]byte("tincan v1 invitation\x00" + string(payload) + room))
	return sum[:checksumSize]
}

// escape leaves letters, digits and -_.~ as they are (RFC 3986, 2.3).
func escape(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }
