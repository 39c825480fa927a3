package netproto

import (
	"bytes"
	"crypto/ed25519"
	"testing"
)

// Whatever is another in what a member sees makes another secret.
func TestEpochSecretBindsAll(t *testing.T) {
	adam, eve := testFresh, testFresh
	eve[0]++
	base := func() (Epoch, PassphraseKey) {
		return Epoch{
			Room: "r", Number: 2, MediaKey: make([]byte, KeySize),
			Members: []Member{{7, "Adam", adam[:]}, {8, "Eve", eve[:]}, {9, "Bot", nil}},
		}, PassphraseKey{1}
	}
	e, key := base()
	want := e.Secret(key)
	e.Members[0], e.Members[2] = e.Members[2], e.Members[0]
	if e.Secret(key) != want {
		t.Error("the order of the list counts")
	}
	for name, change := range map[string]func(e *Epoch, key *PassphraseKey){
		"passphrase":    func(_ *Epoch, key *PassphraseKey) { key[31] = 1 },
		"room":          func(e *Epoch, _ *PassphraseKey) { e.Room = "s" },
		"number":        func(e *Epoch, _ *PassphraseKey) { e.Number++ },
		"media key":     func(e *Epoch, _ *PassphraseKey) { e.MediaKey[5] = 1 },
		"a name":        func(e *Epoch, _ *PassphraseKey) { e.Members[1].Name = "Eva" },
		"a session":     func(e *Epoch, _ *PassphraseKey) { e.Members[2].Session = 10 },
		"what is fresh": func(e *Epoch, _ *PassphraseKey) { e.Members[0].Fresh = eve[:] },
		"swapped":       func(e *Epoch, _ *PassphraseKey) { e.Members[0].Session, e.Members[1].Session = 8, 7 },
		"one more":      func(e *Epoch, _ *PassphraseKey) { e.Members = append(e.Members, Member{Session: 10, Name: "x"}) },
		"one less":      func(e *Epoch, _ *PassphraseKey) { e.Members = e.Members[:2] },
		"no fresh":      func(e *Epoch, _ *PassphraseKey) { e.Members[1].Fresh = nil },
	} {
		e, key := base()
		change(&e, &key)
		if e.Secret(key) == want {
			t.Errorf("%s: the same secret", name)
		}
	}
}

func BenchmarkEpochSecret(b *testing.B) {
	e := Epoch{MediaKey: make([]byte, KeySize)}
	for i := range uint32(1000) {
		e.Members = append(e.Members, Member{i, "somebody's name", testFresh[:]})
	}
	for b.Loop() {
		e.Secret(PassphraseKey{1})
	}
}

// A signature is of one Fresh, room, name and passphrase. Whoever knows the passphrase can open it, and seal it again.
func TestSigner(t *testing.T) {
	key := PassphraseKey{1}
	fresh := NewFresh(public(adam), key, "kitchen", "Adam")
	other := NewFresh(public(julie), key, "kitchen", "Adam")
	seed := counting(1)
	signed := fresh.Sign(ed25519.NewKeyFromSeed(seed[:]), key, "kitchen", "Adam")
	text, err := fresh.identitySealer(key).Open(nil, make([]byte, 12), signed[FreshSize:], nil)
	if err != nil {
		t.Fatal(err)
	}
	again := func(f Fresh, key PassphraseKey) []byte {
		return f.identitySealer(key).Seal(bytes.Clone(f[:]), make([]byte, 12), text, nil)
	}
	for _, tt := range []struct {
		what       string
		brought    []byte
		key        PassphraseKey
		room, name string
		want       bool
	}{
		{"as it is", signed, key, "kitchen", "Adam", true},
		{"sealed again", again(fresh, key), key, "kitchen", "Adam", true},
		{"another room", signed, key, "cellar", "Adam", false},
		{"another name", signed, key, "kitchen", "Eve", false},
		{"room and name shifted", signed, key, "kitchenA", "dam", false},
		{"another passphrase", again(fresh, PassphraseKey{2}), PassphraseKey{2}, "kitchen", "Adam", false},
		{"the tag of another passphrase", again(NewFresh(public(adam), PassphraseKey{2}, "kitchen", "Adam"), PassphraseKey{2}), PassphraseKey{2}, "kitchen", "Adam", false},
		{"another session", again(other, key), key, "kitchen", "Adam", false},
		{"another session, not sealed again", append(bytes.Clone(other[:]), signed[FreshSize:]...), key, "kitchen", "Adam", false},
		{"none", fresh[:], key, "kitchen", "Adam", false},
		{"nothing", nil, key, "kitchen", "Adam", false},
	} {
		if _, ok := Signer(tt.brought, tt.key, tt.room, tt.name); ok != tt.want {
			t.Errorf("%s: %v", tt.what, ok)
		}
	}
}
