package engine

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tincan-voice/tincan/internal/address"
	"github.com/tincan-voice/tincan/netproto"
)

var relayOfMembers = address.Address{Host: "voice.example.org", Port: 9999}

func TestKnownMembers(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state", "known")
	ann, other := netproto.Identity{1}, netproto.Identity{2}
	open := func(relay address.Address, room string) *knownMembers {
		t.Helper()
		k, err := openKnownMembers(file, relay, room)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	k := open(relayOfMembers, "the kitchen")
	if got := k.judge("Ann Lee", &ann); got != IdentityFirst {
		t.Errorf("a stranger is %v", got)
	}
	if err := k.remember("Ann Lee", ann); err != nil {
		t.Fatal(err)
	}
	elsewhere := relayOfMembers
	elsewhere.Port++
	for _, tt := range []struct {
		relay address.Address
		room  string
		name  string
		id    *netproto.Identity
		want  Identity
	}{
		{relayOfMembers, "the kitchen", "Ann Lee", &ann, IdentityKnown},
		{relayOfMembers, "the kitchen", "Ann  Lee ", &ann, IdentityKnown}, // looks the same
		{relayOfMembers, "the kitchen", "Ann Lee", &other, IdentityChanged},
		{relayOfMembers, "the kitchen", "Ann Lee", nil, IdentityMissing},
		{relayOfMembers, "the kitchen", "Bob", &ann, IdentityFirst},
		{relayOfMembers, "the kitchen", "Bob", nil, IdentityNone},
		{relayOfMembers, "", "Ann Lee", &other, IdentityFirst},
		{elsewhere, "the kitchen", "Ann Lee", &other, IdentityFirst},
	} {
		if got := open(tt.relay, tt.room).judge(tt.name, tt.id); got != tt.want {
			t.Errorf("%q in %q: %v, want %v", tt.name, tt.room, got, tt.want)
		}
	}
}

// A file that is something else is not added to, and one without a last line break is.
func TestFileOfKnownMembers(t *testing.T) {
	id := netproto.Identity{3}
	line := "voice.example.org:9999/ Ann " + id.String()
	for _, tt := range []struct {
		text, wrong string
	}{
		{"", ""}, {line, ""}, {"# mine\n\n" + line + "\n", ""},
		{line + " more\n", "line 1"}, {"\nvoice.example.org:9999/ Ann SHA256:x\n", "line 2"}, {"voice.example.org:9999/ %zz " + id.String(), "line 1"},
	} {
		file := filepath.Join(t.TempDir(), "known")
		if err := os.WriteFile(file, []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		k, err := openKnownMembers(file, relayOfMembers, "")
		if tt.wrong != "" {
			if !errors.Is(err, ErrKnownMembers) || !strings.Contains(err.Error(), tt.wrong) {
				t.Errorf("%q: %v", tt.text, err)
			}
			continue
		}
		if err := errors.Join(err, k.remember("Bob", id), k.remember("Eve", id)); err != nil {
			t.Fatal(err)
		}
		k, err = openKnownMembers(file, relayOfMembers, "")
		if err != nil || len(k.keys["Bob"]) != 1 || len(k.keys["Eve"]) != 1 || len(k.keys["Ann"]) != strings.Count(tt.text, "Ann") {
			t.Errorf("%q: %v, %v", tt.text, k, err)
		}
	}
}

// A last line of which only a part was written keeps nobody out, and the next one is not glued to it; the only one may
// be something else.
func TestPartOfALine(t *testing.T) {
	id := netproto.Identity{3}
	line := "voice.example.org:9999/ Ann " + id.String()
	file := filepath.Join(t.TempDir(), "known")
	for part := range len(line) {
		if err := os.WriteFile(file, []byte(line+"\n"+line[:part]), 0o600); err != nil {
			t.Fatal(err)
		}
		k, err := openKnownMembers(file, relayOfMembers, "")
		if err := errors.Join(err, k.remember("Bob", id), k.remember("Eve", id)); err != nil {
			t.Fatal(err)
		}
		k, err = openKnownMembers(file, relayOfMembers, "")
		if err != nil || len(k.keys["Ann"]) != 1 || len(k.keys["Bob"]) != 1 || len(k.keys["Eve"]) != 1 {
			t.Errorf("after %q: %v, %v", line[:part], k, err)
		}
	}

	relays := "a:1 " + verified + "\nb:2 " + verified
	if err := os.WriteFile(file, []byte(relays[:len(relays)-3]), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"c:3", "b:2", "a:1"} {
		if _, err := (known{file, key}).check(presented{}, "", ""); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
	want := "a:1 verified\nb:2 verif # unfinished\nc:3 verified\nb:2 verified\n"
	if text, err := os.ReadFile(file); err != nil || string(text) != want {
		t.Errorf("%q, %v", text, err)
	}
}

// FuzzKnownMembers: no panic, and who is remembered is known.
func FuzzKnownMembers(f *testing.F) {
	f.Add("voice.example.org:9999/ Ann "+netproto.Identity{1}.String()+"\n", "Bob")
	f.Add("# \n", "a #b")
	f.Fuzz(func(t *testing.T, text, name string) {
		if netproto.CheckName(name) != nil {
			return
		}
		id := netproto.Identity{9}
		k := &knownMembers{room: relayOfMembers.Key() + "/", keys: map[string][]netproto.Identity{}}
		if k.read([]byte(text)) != nil {
			return
		}
		if err := k.read([]byte(k.line(name, id))); err != nil || k.judge(name, &id) != IdentityKnown {
			t.Fatalf("%q is %v, %v", name, k.judge(name, &id), err)
		}
	})
}
