package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/tincan-voice/tincan/engine"
	"github.com/tincan-voice/tincan/internal/address"
	"github.com/tincan-voice/tincan/internal/screen"
	"github.com/tincan-voice/tincan/internal/usage"
	"github.com/tincan-voice/tincan/invite"
)

// InviteCmd makes an invitation.
type InviteCmd struct {
	Relay string `arg:"" help:"Relay, by an address that leads there from where the others are: HOST or HOST:PORT (port 9999 if none is given)."`
	Room  string `arg:"" optional:"" help:"Room; the relay's default room if none is given."`

	Unsealed    bool   `help:"Put no passphrase into the link: the relay can listen, unless you tell each other one otherwise."`
	Fingerprint string `placeholder:"SHA256:...|verified" help:"The relay's fingerprint, as it prints it, or that its certificate is to be verified by its name. Default: what the relay shows, if it is known, or verified, or met for the first time."`
	KnownRelays string `placeholder:"FILE" help:"Where the relays' certificates are remembered. Default: in your configuration folder."`
}

// Run writes the link to standard output, and what there is to know about it to standard error.
func (c *InviteCmd) Run(ctx context.Context, app *kong.Kong) error {
	if invite.Is(c.Relay) {
		return usage.Errorf("that is an invitation already: send it on, or give the relay's address for another one")
	}
	link := invite.Link{Address: c.Relay, Room: c.Room, Fingerprint: c.Fingerprint}
	if c.Fingerprint == "" {
		link.Fingerprint = invite.Verified // until the relay is met
	}
	if !c.Unsealed {
		link.Passphrase = invite.NewPassphrase()
	}
	if _, err := link.Text(); err != nil {
		return usage.Error{Err: err}
	}
	if c.Fingerprint == "" {
		fingerprint, trust, err := engine.Meet(ctx, engine.Config{Address: c.Relay, KnownRelays: c.KnownRelays})
		if err != nil {
			return err
		}
		if trust != engine.TrustVerified {
			link.Fingerprint = fingerprint
		}
		fmt.Fprintf(app.Stderr, "relay certificate %s: %s\n", fingerprint, screen.Trusts[trust])
	}
	if leadsHere(c.Relay) {
		fmt.Fprintf(app.Stderr, "! %s leads everybody to the machine that they are at: give the address by which others reach the relay\n", c.Relay)
	}
	if c.Unsealed {
		fmt.Fprintln(app.Stderr, "not sealed: the relay can listen, unless you tell each other a passphrase otherwise")
	} else {
		fmt.Fprintln(app.Stderr, "sealed: whoever has the link can hear and talk; send it where nobody else reads, and join with it yourself")
	}
	text, err := link.Text()
	if err == nil {
		_, err = fmt.Fprintln(app.Stdout, text)
	}
	return err
}

// leadsHere tells whether a relay's address means another machine wherever it is used.
func leadsHere(relay string) bool {
	a, err := address.Parse(relay)
	ip, _ := netip.ParseAddr(a.Host)
	return err == nil && (a.Host == "localhost" || strings.HasSuffix(a.Host, ".localhost") || ip.IsLoopback() || ip.IsUnspecified())
}

// accept takes an invitation in place of a relay: all that it says is set in the command line.
func (c *JoinCmd) accept() error {
	if !invite.Is(c.Relay) {
		return nil
	}
	link, err := invite.Parse(c.Relay)
	switch {
	case err != nil:
		return err
	case c.Room != "":
		return errors.New("the link says which room: leave out --room")
	case c.Fingerprint != "":
		return errors.New("the link says which certificate: leave out --fingerprint")
	}
	c.Relay, c.Room, c.Fingerprint, c.secret = link.Address, link.Room, link.Fingerprint, link.Passphrase
	return nil
}
