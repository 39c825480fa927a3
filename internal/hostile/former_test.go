package hostile_test

import (
	"crypto/ecdh"
	"crypto/rand"
	"slices"
	"testing"

	"github.com/tincan-voice/tincan/engine"
	"github.com/tincan-voice/tincan/internal/calltest"
	"github.com/tincan-voice/tincan/internal/hostile"
	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/stream"
)

// former is somebody who was in the room, knows the passphrase and all that the relay has ever passed on.
type former struct {
	key     netproto.PassphraseKey
	private *ecdh.PrivateKey
	fresh   netproto.Fresh
	member  *hostile.Member
	epochs  map[uint32]netproto.SendNewUsers
}

func newFormer(t *testing.T, name string) *former {
	f := &former{key: netproto.StretchPassphrase(passphrase, ""), epochs: map[uint32]netproto.SendNewUsers{}}
	var err error
	if f.private, err = ecdh.X25519().GenerateKey(rand.Reader); err != nil {
		t.Fatal(err)
	}
	f.fresh = netproto.NewFresh([netproto.PublicSize]byte(f.private.PublicKey().Bytes()), f.key, "", name)
	return f
}

// overhears keeps what all are told.
func (f *former) overhears(r *hostile.Relay) {
	r.Tell = func(_ *hostile.Member, list *netproto.SendNewUsers) { f.epochs[list.Epoch] = *list }
}

// secret is the room secret of an epoch, which nobody needs more for than the relay and the passphrase.
func (f *former) secret(list netproto.SendNewUsers) netproto.RoomSecret {
	e := netproto.Epoch{Number: list.Epoch, MediaKey: list.MediaKey}
	for i, name := range list.Users {
		e.Members = append(e.Members, netproto.Member{Session: list.Sessions[i], Name: name, Fresh: list.Fresh[i]})
	}
	return e.Secret(f.key)
}

// opens is how many of a talker's datagrams of an epoch it opens: with the room secret, and with all that was ever
// wrapped for anybody, by what it shares with anybody.
func (f *former) opens(r *hostile.Relay, from *hostile.Member, epoch uint32) (opened, all int) {
	r.Lock()
	defer r.Unlock()
	list := f.epochs[epoch]
	room := f.secret(list)
	secrets := []netproto.RoomSecret{room, room.With(netproto.SenderKey{})}
	for _, fresh := range list.Fresh {
		public, err := ecdh.X25519().NewPublicKey((*netproto.Fresh)(fresh).Public())
		if err != nil {
			continue
		}
		shared, err := f.private.ECDH(public)
		if err != nil {
			continue
		}
		for _, to := range r.MembersLocked() {
			for _, w := range to.Keys {
				w.Epoch = epoch
				if key, ok := w.Unwrap(room, shared, w.Session, to.Session); ok {
					secrets = append(secrets, room.With(key))
				}
			}
		}
	}
	for _, d := range from.Voice {
		if h, err := netproto.ParseHeader(d); err != nil || h.Epoch != uint8(epoch%netproto.EpochWindow) {
			continue
		}
		all++
		if slices.ContainsFunc(secrets, func(s netproto.RoomSecret) bool {
			_, err := netproto.NewSealer(netproto.VoiceKey(s, from.Session, epoch)).Open(nil, d)
			return err == nil
		}) {
			opened++
		}
	}
	return opened, all
}

// said waits until much is said in an epoch.
func said(t *testing.T, r *hostile.Relay, from *hostile.Member, epoch uint32) {
	t.Helper()
	calltest.Eventually(t, "the epoch is used", func() bool {
		n := 0
		for _, d := range r.Heard(from) {
			if h, err := netproto.ParseHeader(d); err == nil && h.Epoch == uint8(epoch%netproto.EpochWindow) {
				n++
			}
		}
		return n > 50
	})
}

// A former member who knows the passphrase and has the relay opens what was said while it was there, and nothing from
// before or after; nor is anything heard that it seals with what it knows.
func TestFormerMemberWithTheRelay(t *testing.T) {
	t.Parallel()
	r := hostile.Start(t)
	f := newFormer(t, "Mallory")
	f.overhears(r)
	calltest.Join(t, r.Address(), "Alice", talks())
	bob := calltest.Join(t, r.Address(), "Bob", listens())
	hears(t, bob, "Alice")
	alice := r.Member("Alice")
	before := r.Told().Epoch
	said(t, r, alice, before)

	f.member = r.Show("Mallory", f.fresh[:])
	there := r.Told().Epoch
	said(t, r, alice, there)
	r.Hide(f.member)
	after := r.Told().Epoch
	said(t, r, alice, after)
	hears(t, bob, "Alice")
	for epoch, want := range map[uint32]bool{before: false, there: true, after: false} {
		opened, all := f.opens(r, alice, epoch)
		if all < 50 || opened != 0 && !want || opened != all && want {
			t.Errorf("epoch %d: %d of %d datagrams opened", epoch, opened, all)
		}
	}

	// It tries to say something as Alice.
	r.Lock()
	r.Forward = func(*hostile.Member, *hostile.Member, []byte) []byte { return nil } // Alice is kept from it
	room := f.secret(f.epochs[after])
	last := alice.Voice[len(alice.Voice)-1]
	r.Unlock()
	h, err := netproto.ParseHeader(last)
	if err != nil {
		t.Fatal(err)
	}
	body, err := netproto.AppendFrames(nil, h.Seq+100, []netproto.Frame{{Number: h.Seq + 100, Data: []byte{1, 2, 3}}})
	if err != nil {
		t.Fatal(err)
	}
	h.Seq += 100
	to, was := r.Member("Bob"), dropped(bob, stream.DropForged)
	forge := func(enough uint64) {
		t.Helper()
		calltest.Eventually(t, "what it seals is dropped", func() bool {
			for _, s := range []netproto.RoomSecret{room, room.With(netproto.SenderKey{}), {}} {
				r.Inject(to, netproto.NewSealer(netproto.VoiceKey(s, alice.Session, after)).Seal(nil, h, body))
			}
			return dropped(bob, stream.DropForged) > was+enough
		})
	}
	forge(5) // after what was under way
	n := heard(bob, "Alice")
	forge(60)
	if m := heard(bob, "Alice"); m > n {
		t.Errorf("%d are heard", m-n)
	}
}

// Sender keys that a relay changes, repeats, crosses or keeps open nothing, and all who hear nothing then are told.
func TestSenderKeysOnTheWay(t *testing.T) {
	t.Parallel()
	for name, pass := range map[string]func(w, old *netproto.Wrapping) bool{
		"changed":          func(w, _ *netproto.Wrapping) bool { w.Wrapped[3] ^= 1; return true },
		"an earlier one":   func(w, old *netproto.Wrapping) bool { w.Wrapped = old.Wrapped; return true },
		"under its number": func(w, old *netproto.Wrapping) bool { *w = *old; return true },
		"of another":       func(w, _ *netproto.Wrapping) bool { w.Session = 3; return true },
		"kept":             func(_, _ *netproto.Wrapping) bool { return false },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := hostile.Start(t)
			calltest.Join(t, r.Address(), "Alice", talks())
			bob := calltest.Join(t, r.Address(), "Bob", listens())
			calltest.Join(t, r.Address(), "Carl", listens())
			hears(t, bob, "Alice")
			r.Lock()
			old := r.KeysLocked("Bob", 1)[0]
			r.Pass = func(from, to *hostile.Member, w *netproto.Wrapping) bool {
				return from.Name != "Alice" || to.Name != "Bob" || pass(w, &old)
			}
			r.Unlock()
			r.Begin()
			hearsNot(t, bob, "Alice", stream.DropEpoch)
			faultAbout(t, bob, engine.FaultRoomKey, "Alice")
		})
	}
}

// A relay that knows the passphrase, from a former member, and puts a key of its own into the line of somebody who is
// there, has the others told that this is somebody else.
func TestKeySwapped(t *testing.T) {
	t.Parallel()
	r := hostile.Start(t)
	f := newFormer(t, "Alice")
	calltest.Join(t, r.Address(), "Alice", talks())
	bob := calltest.Join(t, r.Address(), "Bob", listens())
	hears(t, bob, "Alice")
	r.Lock()
	r.Tell = func(to *hostile.Member, list *netproto.SendNewUsers) {
		for i, name := range list.Users {
			if to.Name == "Bob" && name == "Alice" {
				list.Fresh[i] = f.fresh[:]
			}
		}
	}
	r.Unlock()
	r.Begin()
	calltest.Await(t, bob, "Alice has left", func(e engine.PeerLeft) bool { return e.Name == "Alice" })
	calltest.Await(t, bob, "another Alice has come", func(e engine.PeerJoined) bool { return e.Name == "Alice" && !e.Foreign })
	hearsNot(t, bob, "Alice", stream.DropEpoch)
}
