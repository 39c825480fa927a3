package hostile_test

import (
	"crypto/ed25519"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tincan-voice/tincan/engine"
	"github.com/tincan-voice/tincan/internal/calltest"
	"github.com/tincan-voice/tincan/internal/hostile"
	"github.com/tincan-voice/tincan/netproto"
)

// with is a Config with the identity that this byte makes, and a file of members.
func with(cfg engine.Config, seed byte, members string) engine.Config {
	cfg.Identity, cfg.KnownMembers = private(seed), members
	return cfg
}

func private(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(slices.Repeat([]byte{seed}, ed25519.SeedSize))
}

// acquainted is a file of members in which Alice has her key, who brings that of 'a', in a room of r.
func acquainted(t *testing.T, r *hostile.Relay) string {
	file := filepath.Join(t.TempDir(), "known")
	line := r.Address() + "/ Alice " + netproto.Identity(private('a').Public().(ed25519.PublicKey)).String() + "\n"
	if err := os.WriteFile(file, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// thinks waits until somebody is told that of a member.
func thinks(t *testing.T, c *engine.Call, name string, want engine.Identity) engine.PeerIdentity {
	t.Helper()
	e := calltest.Await(t, c, name+" is "+want.String(), func(e engine.PeerIdentity) bool { return e.Name == name })
	if e.Identity != want || e.Err != nil {
		t.Fatalf("%s is %v (%v), want %v", name, e.Identity, e.Err, want)
	}
	return e
}

// Who has brought a key is known by it in the next call, and both ends of a pair see the same code.
func TestIdentity(t *testing.T) {
	t.Parallel()
	r := hostile.Start(t)
	members := filepath.Join(t.TempDir(), "state", "known")
	alice := calltest.Join(t, r.Address(), "Alice", with(talks(), 'a', ""))
	bob := calltest.Join(t, r.Address(), "Bob", with(listens(), 'b', members))
	carl := calltest.Join(t, r.Address(), "Carl", listens())
	thinks(t, bob, "Alice", engine.IdentityFirst)
	b, a := thinks(t, alice, "Bob", engine.IdentityFirst), thinks(t, carl, "Alice", engine.IdentityFirst)
	code, err := bob.ComparisonCode(a.Session)
	other, otherErr := alice.ComparisonCode(b.Session)
	if err != nil || otherErr != nil || code != other || len(code) != 60+11 {
		t.Errorf("codes %q, %v and %q, %v", code, err, other, otherErr)
	}
	if _, err := carl.ComparisonCode(a.Session); err == nil {
		t.Error("Carl has a code, and no key")
	}
	bob.Leave()
	bob = calltest.Join(t, r.Address(), "Bob", with(listens(), 'b', members))
	thinks(t, bob, "Alice", engine.IdentityKnown)
	hears(t, bob, "Alice")
}

// Somebody who knows the passphrase and takes the name of somebody whose key is known is told of, and heard; a key that
// is accepted is known from then on.
func TestAnotherUnderTheName(t *testing.T) {
	t.Parallel()
	r := hostile.Start(t)
	members := acquainted(t, r)
	bob := calltest.Join(t, r.Address(), "Bob", with(listens(), 'b', members))
	alice := calltest.Join(t, r.Address(), "Alice", talks())
	thinks(t, bob, "Alice", engine.IdentityMissing)
	alice.Leave()
	calltest.Join(t, r.Address(), "Alice", with(talks(), 'm', ""))
	e := thinks(t, bob, "Alice", engine.IdentityChanged)
	hears(t, bob, "Alice")
	if err := bob.Accept(e.Session); err != nil {
		t.Fatal(err)
	}
	thinks(t, bob, "Alice", engine.IdentityKnown)
	bob.Leave()
	bob = calltest.Join(t, r.Address(), "Bob", with(listens(), 'b', members))
	thinks(t, bob, "Alice", engine.IdentityKnown)
}

// A relay that takes a member's key out of what it has brought, puts another's in its place, or repeats an earlier
// call's, is believed nothing, and that is told.
func TestIdentitiesOnTheWay(t *testing.T) {
	t.Parallel()
	takeOut := func(l *netproto.SendNewUsers) { l.Fresh[0] = l.Fresh[0][:netproto.FreshSize] }
	for name, tt := range map[string]struct {
		lie  func(l *netproto.SendNewUsers) // of Alice, Carl and Bob
		all  bool                           // it is told to all, and not to Bob alone
		want engine.Identity
	}{
		"taken out for one": {takeOut, false, engine.IdentityMissing},
		"taken out for all": {takeOut, true, engine.IdentityMissing},
		"swapped": {func(l *netproto.SendNewUsers) {
			a, c := l.Fresh[0], l.Fresh[1]
			l.Fresh[0] = slices.Concat(a[:netproto.FreshSize], c[netproto.FreshSize:])
			l.Fresh[1] = slices.Concat(c[:netproto.FreshSize], a[netproto.FreshSize:])
		}, true, engine.IdentityUnproven},
		"changed": {func(l *netproto.SendNewUsers) {
			l.Fresh[0] = slices.Clone(l.Fresh[0])
			l.Fresh[0][netproto.SignedFreshSize-1] ^= 1
		}, true, engine.IdentityUnproven},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := hostile.Start(t)
			r.Tell = func(to *hostile.Member, list *netproto.SendNewUsers) {
				if len(list.Users) == 3 && (tt.all || to.Name == "Bob") {
					tt.lie(list)
				}
			}
			alice := calltest.Join(t, r.Address(), "Alice", with(listens(), 'a', ""))
			calltest.Join(t, r.Address(), "Carl", with(listens(), 'c', ""))
			bob := calltest.Join(t, r.Address(), "Bob", with(listens(), 'b', acquainted(t, r)))
			thinks(t, bob, "Alice", tt.want)
			if tt.all {
				calltest.Await(t, alice, "she is not told of as she is", func(f engine.Fault) bool { return f.On && f.Kind == engine.FaultUnknown })
			}
		})
	}
}

// What somebody brought to an earlier call proves nothing.
func TestIdentityOfAnEarlierCall(t *testing.T) {
	t.Parallel()
	r := hostile.Start(t)
	calltest.Join(t, r.Address(), "Alice", with(listens(), 'a', "")).Leave()
	bob := calltest.Join(t, r.Address(), "Bob", with(listens(), 'b', acquainted(t, r)))
	r.Show("Alice", r.Member("Alice").Fresh)
	calltest.Await(t, bob, "Alice seems to be there", func(e engine.PeerJoined) bool { return e.Name == "Alice" && !e.Foreign })
	thinks(t, bob, "Alice", engine.IdentityUnproven)
}
