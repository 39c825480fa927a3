package engine

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/tincan-voice/tincan/netproto"
)

// In a crowded room nobody can prove to have a key; who has a name of which one is known is marked all the same.
func TestUnprovenInACrowd(t *testing.T) {
	known, err := openKnownMembers("", relayOfMembers, "")
	if err != nil {
		t.Fatal(err)
	}
	known.note("Ann", netproto.Identity{1})
	r := newRoster(known)
	r.crowded = true
	r.names = map[uint32]string{1: "Ann", 2: "Ann", 3: "Bob"}
	r.brought[1] = make([]byte, netproto.SignedFreshSize)
	for session := range r.names {
		r.unproven[session] = 0
	}
	got := map[uint32]Identity{}
	for _, e := range r.overdue(identityGrace + 1) {
		got[e.(PeerIdentity).Session] = e.(PeerIdentity).Identity
	}
	if len(got) != 2 || got[1] != IdentityUnproven || got[2] != IdentityMissing || len(r.unproven) != 1 {
		t.Errorf("%v, %v", got, r.unproven)
	}
}

// What could not be written is written when it is accepted again, whether it was the first key of its name or another
// one.
func TestAcceptAgain(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "state")
	file := filepath.Join(folder, "known")
	for _, is := range []Identity{IdentityFirst, IdentityChanged} {
		known, err := openKnownMembers(file, relayOfMembers, "")
		if err != nil {
			t.Fatal(err)
		}
		if is == IdentityChanged {
			known.note("Ann", netproto.Identity{1})
		}
		c := Call{roster: newRoster(known), events: newEventFeed()}
		c.cfg.Identity, c.cfg.Passphrase = make(ed25519.PrivateKey, ed25519.PrivateKeySize), "p"
		c.roster.names[7] = "Ann"
		id := netproto.Identity{2}
		if err := os.WriteFile(folder, nil, 0o600); err != nil { // in the way
			t.Fatal(err)
		}
		if got := c.roster.claimed(7, &id, true); got != is {
			t.Fatalf("%v, want %v", got, is)
		}
		if is == IdentityFirst {
			_ = known.remember("Ann", id)
		}
		for range 2 {
			if err := c.Accept(7); !errors.Is(err, ErrKnownMembers) {
				t.Errorf("%v: %v", is, err)
			}
		}
		if err := os.Remove(folder); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(c.Accept(7), c.Accept(7)); err != nil {
			t.Error(err)
		}
		again, err := openKnownMembers(file, relayOfMembers, "")
		if err != nil || len(again.keys["Ann"]) != 1 {
			t.Errorf("%v: %v, %v", is, again, err)
		}
		if err := os.RemoveAll(folder); err != nil {
			t.Fatal(err)
		}
	}
}

// Keys without end are not remembered, nor in memory; one that is accepted is.
func TestKeysWithoutEnd(t *testing.T) {
	known, err := openKnownMembers(filepath.Join(t.TempDir(), "known"), relayOfMembers, "")
	if err != nil {
		t.Fatal(err)
	}
	c := Call{roster: newRoster(known), events: newEventFeed()}
	c.cfg.Identity, c.cfg.Passphrase = make(ed25519.PrivateKey, ed25519.PrivateKeySize), "p"
	id := netproto.Identity{2}
	for i := range uint32(mostKnown + 10) {
		c.roster.names[i] = fmt.Sprint(i)
		if got := c.roster.claimed(i, &id, true); got != IdentityFirst {
			t.Fatalf("%d is %v", i, got)
		}
	}
	if len(known.keys) != mostKnown {
		t.Errorf("%d names", len(known.keys))
	}
	last := fmt.Sprint(mostKnown + 9)
	if err := c.Accept(mostKnown + 9); err != nil || known.judge(last, &id) != IdentityKnown {
		t.Errorf("%v, %v", known.judge(last, &id), err)
	}
}
