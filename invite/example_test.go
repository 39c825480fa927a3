package invite_test

import (
	"fmt"
	"strings"

	"github.com/tincan-voice/tincan/engine"
	"github.com/tincan-voice/tincan/invite"
)

// Who invites makes a link, with the fingerprint of the relay (engine.Meet), and a passphrase.
func ExampleLink_Text() {
	l := invite.Link{
		Address:     "voice.example.org",
		Room:        "tea room",
		Fingerprint: invite.Verified,
		Passphrase:  invite.NewPassphrase(),
	}
	text, err := l.Text()
	public, _, _ := strings.Cut(text, "#")
	fmt.Println(public, err)
	// Output:
	// tincan://voice.example.org/tea%20room <nil>
}

// Who is invited joins with what the link says.
func ExampleParse() {
	l, err := invite.Parse("<tincan://voice.example.org/tea%20room#1oKGio6SlpqeoqaqrrK2ur17ewn8>")
	fmt.Println(err)
	cfg := engine.Config{Name: "Ann", Address: l.Address, Room: l.Room, Fingerprint: l.Fingerprint, Passphrase: l.Passphrase}
	fmt.Println(cfg.Address, cfg.Room, cfg.Fingerprint, cfg.Passphrase)
	// Output:
	// <nil>
	// voice.example.org:9999 tea room verified oKGio6SlpqeoqaqrrK2urw
}
