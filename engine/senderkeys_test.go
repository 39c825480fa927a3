package engine

import (
	"fmt"
	"slices"
	"testing"

	"github.com/tincan-voice/tincan/netproto"
)

// keyRoom is who is in a room, each as it sees it, without a relay.
type keyRoom struct {
	epoch   uint32
	names   []string
	entries map[string]entry
	all     map[string]*attendance
}

func (r *keyRoom) enter(name string, key netproto.PassphraseKey) *attendance {
	cfg := &Config{Room: "r", Name: name, key: key}
	e := cfg.newEntry()
	if r.all == nil {
		r.all, r.entries = map[string]*attendance{}, map[string]entry{}
	}
	r.names = append(r.names, name)
	a := cfg.newAttendance(uint32(len(r.names)), e)
	r.all[name], r.entries[name] = &a, e
	return &a
}

// begin begins an epoch, and returns the sender keys of each.
func (r *keyRoom) begin() map[string]*begun {
	r.epoch++
	begun := map[string]*begun{}
	for name, a := range r.all {
		p := netproto.SendNewUsers{MediaKey: make([]byte, netproto.KeySize), Epoch: r.epoch}
		for i, other := range r.names {
			if r.all[other] != nil {
				p.Users, p.Sessions, p.Fresh = append(p.Users, other), append(p.Sessions, uint32(i+1)), append(p.Fresh, r.entries[other].fresh)
			}
		}
		a.take(&p)
		begun[name], _ = a.epoch(0, &p)
	}
	return begun
}

// give gives one's sender key to another, and returns whether it opens what is sealed.
func (r *keyRoom) give(b map[string]*begun, from, to string) bool {
	for _, w := range b[from].keys {
		if w.Session == r.all[to].own.Session {
			w.Session = r.all[from].own.Session
			secret, ok := r.all[to].unwrap(&w)
			return ok && secret == b[from].seals
		}
	}
	return false
}

// Those who share a passphrase have each other's keys, and an epoch waits for those only who were there before.
func TestSenderKeys(t *testing.T) {
	r, key := &keyRoom{}, netproto.PassphraseKey{1}
	ann := r.enter("Ann", key)
	r.enter("Bob", key)
	r.enter("Cid", key)
	r.enter("Eve", netproto.PassphraseKey{2})
	r.begin()
	r.enter("Dan", key)
	b := r.begin()
	if b["Ann"].grace != netproto.EpochGrace || !b["Ann"].keyed || len(b["Ann"].keys) != 4 || len(b["Eve"].keys) != 0 {
		t.Fatalf("%+v", b["Ann"])
	}
	want := netproto.EpochGraceUnsent
	for _, from := range []string{"Dan", "Bob", "Ann", "Eve", "Cid"} {
		if got := b["Ann"].waits(0, 1); got != want {
			t.Errorf("waits for %v before the key of %s, want %v", got, from, want)
		}
		if ok := r.give(b, from, "Ann"); ok != (from != "Eve" && from != "Ann") {
			t.Errorf("%s: %v", from, ok)
		}
		if from == "Ann" { // ours has come back
			want = netproto.EpochGrace
		}
	}
	if got := b["Ann"].waits(0, 1); got != 0 {
		t.Errorf("waits for %v when all have it", got)
	}
	seals := b["Ann"].seals
	again := (&Config{Room: "r", Name: "Ann", key: key}).newAttendance(1, r.entries["Ann"])
	*ann = again // as after the change to another relay, to which it was said before
	r.epoch = 1
	if b = r.begin(); b["Ann"].seals != seals {
		t.Error("another sender key for the same list")
	}
	r.epoch = 2
	if b = r.begin(); b["Ann"].seals == seals {
		t.Error("the same sender key in another epoch")
	}
}

// A key that comes before the list of its epoch waits for that.
func TestEarlyKeys(t *testing.T) {
	r := &keyRoom{}
	ann := r.enter("Ann", netproto.PassphraseKey{})
	r.enter("Bob", netproto.PassphraseKey{})
	late := *ann
	b := r.begin()
	w := b["Bob"].keys[0]
	w.Session = 2
	for range 3 * maxEarly {
		if _, ok := late.unwrap(&w); ok {
			t.Fatal("opened")
		}
	}
	r.all["Ann"], r.epoch = &late, 0
	delete(r.all, "Bob")
	r.all["Bob"] = &attendance{}
	list := netproto.SendNewUsers{
		Users: []string{"Ann", "Bob"}, Sessions: []uint32{1, 2}, Fresh: [][]byte{r.entries["Ann"].fresh, r.entries["Bob"].fresh},
		MediaKey: make([]byte, netproto.KeySize), Epoch: 1,
	}
	late.take(&list)
	late.epoch(0, &list)
	due := late.due()
	if len(due) != maxEarly {
		t.Errorf("%d are kept", len(due))
	}
	if secret, ok := late.unwrap(&due[0]); !ok || secret != b["Bob"].seals {
		t.Error("not opened")
	}
}

// Where too many share the passphrase there are no sender keys, whoever else is there.
func TestCrowded(t *testing.T) {
	r, key := &keyRoom{}, netproto.PassphraseKey{1}
	for i := range netproto.MaxKeyed {
		r.enter(fmt.Sprint(i), key)
	}
	for i := range 10 {
		r.enter(fmt.Sprint("x", i), netproto.PassphraseKey{byte(i + 2)})
	}
	keyed := func(b map[string]*begun) (keyed []bool) {
		for i := range netproto.MaxKeyed {
			keyed = append(keyed, b[fmt.Sprint(i)].keyed)
		}
		return slices.Compact(keyed)
	}
	if got := keyed(r.begin()); !slices.Equal(got, []bool{true}) {
		t.Errorf("%v", got)
	}
	r.enter("one more", key)
	b := r.begin()
	if got := keyed(b); !slices.Equal(got, []bool{false}) {
		t.Errorf("%v", got)
	}
	if one := b["0"]; one.seals != one.secret || len(one.keys) > 0 || one.grace != netproto.EpochGraceCrowded {
		t.Errorf("%+v", one)
	}
}
