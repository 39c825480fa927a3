package netproto

import "testing"

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
