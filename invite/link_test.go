package invite

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tincan-voice/tincan/internal/address"
	"github.com/tincan-voice/tincan/netproto"
)

var update = flag.Bool("update", false, "write the vectors anew")

const (
	fingerprint = "SHA256:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
	passphrase  = "oKGio6SlpqeoqaqrrK2urw"
	vectorsFile = "../netproto/testdata/invitations.json"
)

// links are the vectors: what is written, and what it says.
var links = []Link{
	{"voice.example.org:9999", "kitchen", fingerprint, passphrase},
	{"voice.example.org:9999", "kitchen", Verified, passphrase},
	{"voice.example.org:9999", "kitchen", fingerprint, ""},
	{"voice.example.org:9999", "", Verified, ""},
	{"192.0.2.7:443", "tea & cake #2 50%/?", fingerprint, passphrase},
	{"[2001:db8::1]:9999", "Küche", fingerprint, passphrase},
	{"[2001:db8::1]:80", "台所 🫖", Verified, passphrase},
}

// vector is one line of the file.
type vector struct {
	Link        string `json:"link"`
	Address     string `json:"address"`
	Room        string `json:"room"`
	Fingerprint string `json:"fingerprint"`
	Passphrase  string `json:"passphrase"`
}

// The links of other programs are the same to the byte (docs/protocol.md, section 16).
func TestVectors(t *testing.T) {
	var now []vector
	for _, l := range links {
		text, err := l.Text()
		if err != nil {
			t.Fatal(err)
		}
		now = append(now, vector{text, l.Address, l.Room, l.Fingerprint, l.Passphrase})
	}
	var want strings.Builder
	out := json.NewEncoder(&want)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	if err := out.Encode(now); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(vectorsFile, []byte(want.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(vectorsFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(text), want.String()); diff != "" {
		t.Errorf("%s differs (-update writes it anew; then the protocol has changed):\n%s", vectorsFile, diff)
	}
	for i, v := range now {
		if l, err := Parse(v.Link); l != links[i] || err != nil {
			t.Errorf("%s: %+v, %v", v.Link, l, err)
		}
		if strings.ContainsFunc(v.Link, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("&$!'\"()*;|<>`\\?+", r) }) {
			t.Errorf("%s is not fit for a shell", v.Link)
		}
	}
}

// What happens to links on their way.
func TestLinksThatTravelled(t *testing.T) {
	want := Link{"voice.example.org:9999", "tea & cake", fingerprint, passphrase}
	text, err := want.Text()
	if err != nil {
		t.Fatal(err)
	}
	front, fragment, _ := strings.Cut(text, "#")
	type way struct{ name, text, refused string }
	for _, tt := range []way{
		{"nothing", text, ""},
		{"the scheme and the host in upper case", strings.NewReplacer("tincan", "TinCan", "example.org", "EXAMPLE.ORG").Replace(text), ""},
		{"the port is there", strings.Replace(text, ".org/", ".org:9999/", 1), ""},
		{"brackets and blanks", " <" + text + "> \n", ""},
		{"the end of a sentence", "(\"" + text + "\").", ""},
		{"broken into lines", front + "#" + fragment[:20] + "\r\n  " + fragment[20:] + "\n", ""},
		{"broken in the room", strings.Replace(text, "%20", "\n%20", 1), ""},
		{"the room as it is read", "tincan://voice.example.org/tea & cake#" + fragment, ""},
		{"cut before the #", front, "cut off"},
		{"cut behind the #", front + "#", "cut off"},
		{"cut behind the version", front + "#1", "cut off"},
		{"the # as a program escapes it", front + "%23" + fragment, "cut off"},
		{"all in upper case", strings.ToUpper(text), "changed on its way"},
		{"another letter", strings.Replace(text, "AAEC", "AAED", 1), "changed on its way"},
		{"another room", strings.Replace(text, "cake", "Cake", 1), "changed on its way"},
		{"another alphabet", strings.Replace(text, "Hh-g", "Hh+g", 1), "changed on its way"},
		{"half an escape", strings.Replace(text, "%20", "%2", 1), "changed on its way"},
		{"half an escape in the host", strings.Replace(text, ".org", ".org%2", 1), "changed on its way"},
		{"a later version", front + "#2" + fragment[1:], `version "2"`},
		{"a version that is no letter", front + "#é", `version "é"`},
		{"no host", "tincan:///tea%20%26%20cake#" + fragment, "no host"},
		{"an odd host", "tincan://user@voice.example.org/tea%20%26%20cake#" + fragment, "no host name"},
		{"an odd port", "tincan://voice.example.org:x/tea%20%26%20cake#" + fragment, "port"},
		{"an address with a zone", "tincan://[fe80::1%25eth0]/tea%20%26%20cake#" + fragment, "good on one network only"},
		{"a relay", "voice.example.org", "tincan invite"},
		{"a relay of that name", "tincan:9999", "tincan invite"},
		{"another scheme", "https" + strings.TrimPrefix(text, "tincan"), "tincan invite"},
		{"nothing at all", "", "tincan invite"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Parse(tt.text)
			switch {
			case tt.refused == "" && (err != nil || got != want):
				t.Errorf("%q: %+v, %v", tt.text, got, err)
			case tt.refused != "" && (!errors.Is(err, ErrLink) || !strings.Contains(err.Error(), tt.refused)):
				t.Errorf("%q: %+v, %v", tt.text, got, err)
			case err != nil && strings.Contains(err.Error(), fragment[48:60]):
				t.Errorf("%v tells the passphrase", err)
			}
		})
	}
	for n := range len(text) {
		if got, err := Parse(text[:n]); !errors.Is(err, ErrLink) {
			t.Errorf("%q: %+v, %v", text[:n], got, err)
		}
	}
}

// A room that no client may enter makes no link, nor comes out of one.
func TestLinksThatCannotBe(t *testing.T) {
	for name, l := range map[string]Link{
		"address":              {"a:b:c", "", Verified, ""},
		"no address":           {"", "", Verified, ""},
		"address with a zone":  {"fe80::1%eth0", "", Verified, ""},
		"room":                 {"host", "a\nb", Verified, ""},
		"room that is too big": {"host", strings.Repeat("a", 65), Verified, ""},
		"no fingerprint":       {"host", "", "", ""},
		"short fingerprint":    {"host", "", "SHA256:AAEC", ""},
		"bare fingerprint":     {"host", "", strings.TrimPrefix(fingerprint, "SHA256:"), ""},
		"weak passphrase":      {"host", "", Verified, "swordfish"},
		"longer passphrase":    {"host", "", Verified, passphrase + "AA"},
		"odd passphrase":       {"host", "", Verified, passphrase[:21] + "x"},
		"a line break":         {"host", "", Verified, "\r"},
		"broken passphrase":    {"host", "", Verified, passphrase[:11] + "\n" + passphrase[11:]},
	} {
		if text, err := l.Text(); !errors.Is(err, ErrLink) {
			t.Errorf("%s: %s, %v", name, text, err)
		}
	}
	room := "tea\x1b[2J"
	link := scheme + "host/" + escape(room) + "#" + version + encoding.EncodeToString(checksum(nil, room))
	if l, err := Parse(link); !errors.Is(err, ErrLink) || !errors.Is(err, netproto.ErrRoom) {
		t.Errorf("%+v, %v", l, err)
	}
	if _, err := Parse(scheme + "user@host/#" + version + encoding.EncodeToString(checksum(nil, ""))); !errors.Is(err, address.ErrAddress) {
		t.Error(err)
	}
}

func TestNewPassphrase(t *testing.T) {
	one, other := NewPassphrase(), NewPassphrase()
	if len(one) != 22 || one == other {
		t.Errorf("%s, %s", one, other)
	}
	if text, err := (Link{"host", "", Verified, one}).Text(); err != nil {
		t.Errorf("%s, %v", text, err)
	}
}

// FuzzParse: no panic, and what was read is written and read again as the same.
func FuzzParse(f *testing.F) {
	for _, l := range links {
		text, err := l.Text()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add("<tincan://h/#1>")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := Parse(text)
		if err != nil {
			if !errors.Is(err, ErrLink) {
				t.Fatal(err)
			}
			return
		}
		again(t, l)
	})
}

// FuzzText: what can be written is read as the same; a checksum keeps FuzzParse from most of it.
func FuzzText(f *testing.F) {
	for _, l := range links {
		f.Add(l.Address, l.Room, l.Fingerprint, l.Passphrase)
	}
	f.Fuzz(func(t *testing.T, address, room, fingerprint, passphrase string) {
		l := Link{address, room, fingerprint, passphrase}
		text, err := l.Text()
		if err != nil {
			if !errors.Is(err, ErrLink) {
				t.Fatal(err)
			}
			return
		}
		got, err := Parse(text)
		if err != nil || got.Room != room || got.Fingerprint != fingerprint || got.Passphrase != passphrase {
			t.Fatalf("%s: %+v, %v", text, got, err)
		}
		again(t, got)
	})
}

func again(t *testing.T, l Link) {
	t.Helper()
	text, err := l.Text()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Parse(text); got != l || err != nil {
		t.Fatalf("%s: %+v, not %+v; %v", text, got, l, err)
	}
}
