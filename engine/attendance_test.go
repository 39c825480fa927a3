package engine

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

// How long an epoch waits to be used depends on who waits to hear.
func TestGrace(t *testing.T) {
	brought := func(name string) []byte { return (&Config{Room: "r", Name: name}).newEntry().fresh }
	entry := (&Config{Room: "r", Name: "Ann"}).newEntry()
	ann, bob, cid := entry.fresh, brought("Bob"), brought("Cid")
	whole := func(fresh ...[]byte) netproto.SendNewUsers {
		p := netproto.SendNewUsers{}
		for i, f := range fresh {
			p.Users, p.Sessions, p.Fresh = append(p.Users, []string{"Ann", "Bob", "Cid"}[i]), append(p.Sessions, uint32(i+1)), append(p.Fresh, f)
		}
		return p
	}
	a := &attendance{room: "r", own: netproto.Member{Name: "Ann"}}
	a.begin(1, entry)
	var last netproto.RoomSecret
	for i, tt := range []struct {
		name  string
		list  netproto.SendNewUsers
		grace time.Duration
		known bool
	}{
		{"alone", whole(ann), 0, true},
		{"somebody comes to one who was alone", whole(ann, bob), 0, true},
		{"one more", netproto.SendNewUsers{Users: []string{"Cid"}, Sessions: []uint32{3}, Fresh: [][]byte{cid}, Left: []uint32{}}, netproto.EpochGrace, true},
		{"who leaves", netproto.SendNewUsers{Left: []uint32{3}}, netproto.EpochGraceLeft, true},
		{"one comes back", whole(ann, bob, brought("Cid")), netproto.EpochGrace, true},
		{"as it was, page by page", netproto.SendNewUsers{Left: []uint32{}}, netproto.EpochGraceLeft, true},
		{"another one under a session", whole(ann, brought("Bob"), cid), 0, true},
		{"we are another one", whole(brought("Ann"), bob, cid), netproto.EpochGrace, false},
		{"we are not there", netproto.SendNewUsers{Left: []uint32{1}}, netproto.EpochGraceLeft, false},
	} {
		tt.list.MediaKey, tt.list.Epoch = make([]byte, netproto.KeySize), uint32(i+1)
		a.take(&tt.list)
		b, known := a.epoch(0, &tt.list)
		if b.grace != tt.grace || known != tt.known || b.secret == last {
			t.Errorf("%s: used after %v, our line known: %v; want %v, %v", tt.name, b.grace, known, tt.grace, tt.known)
		}
		last = b.secret
	}
}

// Nobody waits for the sender key of a session whose member has come again under another one; whoever has only its name,
// and not our passphrase, is not that member.
func TestNobodyWaitsForAnOldSelf(t *testing.T) {
	key := netproto.PassphraseKey{1}
	brought := func(name string, key netproto.PassphraseKey) []byte {
		return (&Config{Room: "r", Name: name, key: key}).newEntry().fresh
	}
	for _, tt := range []struct {
		name  string
		with  netproto.PassphraseKey
		waits []uint32 // and for our own
	}{{"Bob", key, []uint32{3}}, {"Bob", netproto.PassphraseKey{2}, []uint32{2, 3}}, {"Dan", key, []uint32{2, 3}}} {
		a := &attendance{room: "r", key: key, own: netproto.Member{Name: "Ann"}}
		entry := (&Config{Room: "r", Name: "Ann", key: key}).newEntry()
		a.begin(1, entry)
		list := netproto.SendNewUsers{
			Users: []string{"Ann", "Bob", "Cid"}, Sessions: []uint32{1, 2, 3}, Fresh: [][]byte{entry.fresh, brought("Bob", key), brought("Cid", key)},
			MediaKey: make([]byte, netproto.KeySize), Epoch: 1,
		}
		a.take(&list)
		a.epoch(0, &list)
		list.Users, list.Sessions, list.Fresh, list.Epoch = append(list.Users, tt.name), append(list.Sessions, 4), append(list.Fresh, brought(tt.name, tt.with)), 2
		a.take(&list)
		b, _ := a.epoch(0, &list)
		slices.Sort(b.awaits)
		if want := append([]uint32{1}, tt.waits...); !slices.Equal(b.awaits, want) {
			t.Errorf("%s comes: %v are waited for, want %v", tt.name, b.awaits, want)
		}
	}
}

// Our own line is not the relay's word: the same word makes another secret in another session.
func TestOwnLineIsOurs(t *testing.T) {
	list := netproto.SendNewUsers{
		Users: []string{"Ann"}, Sessions: []uint32{1}, Fresh: [][]byte{(&Config{Name: "Ann"}).newEntry().fresh}, MediaKey: make([]byte, netproto.KeySize), Epoch: 1,
	}
	secrets := map[netproto.RoomSecret]bool{}
	for range 3 {
		a := &attendance{own: netproto.Member{Name: "Ann"}}
		a.begin(1, (&Config{Name: "Ann"}).newEntry())
		a.take(&list)
		b, _ := a.epoch(0, &list)
		secrets[b.secret] = true
	}
	if len(secrets) != 3 {
		t.Errorf("%d secrets", len(secrets))
	}
}

// Who has another passphrase is known from the list; who has no voice has none.
func TestForeign(t *testing.T) {
	key := netproto.PassphraseKey{1}
	a := &attendance{room: "r", key: key, own: netproto.Member{Name: "Ann"}}
	a.begin(1, entry{})
	list := netproto.SendNewUsers{
		Users: []string{"Bob", "Cid", "Dan", "Bot"}, Sessions: []uint32{2, 3, 4, 5},
		Fresh: [][]byte{
			(&Config{Room: "r", Name: "Bob", key: key}).newEntry().fresh, (&Config{Room: "r", Name: "Cid"}).newEntry().fresh, (&Config{Room: "r", Name: "Eve", key: key}).newEntry().fresh, nil,
		},
	}
	a.take(&list)
	for session, want := range map[uint32]bool{2: false, 3: true, 4: true, 5: false} {
		if a.foreign(session) != want {
			t.Errorf("session %d: %v", session, !want)
		}
	}
}

// Who is in the room knows what somebody has brought, and could ask for the session with the attempt.
func TestAttemptIsNotTold(t *testing.T) {
	e := (&Config{Name: "Ann"}).newEntry()
	if again := (&Config{Name: "Ann"}).newEntry(); bytes.Equal(e.attempt, again.attempt) || bytes.Equal(e.fresh, again.fresh) {
		t.Error("another entry is the same")
	}
	if len(e.attempt) != netproto.AttemptSize || bytes.Contains(e.fresh, e.attempt) {
		t.Errorf("attempt %x is in %x", e.attempt, e.fresh)
	}
}
