package access

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

var noon = time.Date(2026, 12, 31, 12, 0, 0, 0, time.UTC)

func parse(t *testing.T, text string) *Tokens {
	t.Helper()
	ts, err := Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return ts
}

func TestTokens(t *testing.T) {
	ts := parse(t, `# ours
aaaaaaaaaaaa

bbbbbbbbbbbb name="Ann Lee" name=Bob room=kitchen room="" right=kick  right=mute until=2026-12-31
cccccccccccc until=2026-12-31T11:59:59Z right=ban
`)
	for _, tt := range []struct {
		token, name, room string
		later             time.Duration
		want              error
	}{
		{"aaaaaaaaaaaa", "Eve", "any", 0, nil},
		{"", "Eve", "", 0, ErrNoToken},
		{"aaaaaaaaaaa", "Eve", "", 0, ErrBadToken},
		{"aaaaaaaaaaaaa", "Eve", "", 0, ErrBadToken},
		{"bbbbbbbbbbbb", "Ann Lee", "kitchen", 0, nil},
		{"bbbbbbbbbbbb", "Bob", "", 0, nil},
		{"bbbbbbbbbbbb", "Eve", "kitchen", 0, ErrNotFor},
		{"bbbbbbbbbbbb", "Bob", "cellar", 0, ErrNotFor},
		{"bbbbbbbbbbbb", "Bob", "", 12*time.Hour - 1, nil},
		{"bbbbbbbbbbbb", "Bob", "", 12 * time.Hour, ErrBadToken},
		{"cccccccccccc", "Bob", "", 0, ErrBadToken},
	} {
		got, err := ts.Check(tt.token, tt.name, tt.room, noon.Add(tt.later))
		if !errors.Is(err, tt.want) || (got != nil) != (tt.want == nil) {
			t.Errorf("%+v: %v, %v", tt, got, err)
		}
	}
	ann, _ := ts.Check("bbbbbbbbbbbb", "Bob", "", noon)
	if ann.Rights != netproto.MayKick|netproto.MayMute || len(ann.ID) != 8 {
		t.Errorf("%+v", ann)
	}
	if got, err := (*Tokens)(nil).Check("whatever", "Eve", "", noon); got != nil || err != nil {
		t.Errorf("without tokens: %v, %v", got, err)
	}
	if _, err := new(Tokens).Check("whatever", "Eve", "", noon); !errors.Is(err, ErrBadToken) {
		t.Errorf("an empty file lets in: %v", err)
	}

	// What becomes of it when the file is another one.
	for text, holds := range map[string]bool{
		"bbbbbbbbbbbb":                  true,
		"bbbbbbbbbbbb name=Bob":         true,
		"bbbbbbbbbbbb name=Ann":         false,
		"bbbbbbbbbbbb until=2026-12-30": false,
		"aaaaaaaaaaaa":                  false,
	} {
		if got, ok := parse(t, text).Again(ann, "Bob", "", noon); ok != holds || ok && got.Rights != 0 {
			t.Errorf("%s: %v, %v", text, got, ok)
		}
	}
	_, some := parse(t, "aaaaaaaaaaaa").Again(nil, "Bob", "", noon)
	if _, none := (*Tokens)(nil).Again(nil, "Bob", "", noon); some || !none {
		t.Error("those without a token")
	}
}

func TestBadTokenFiles(t *testing.T) {
	for _, text := range []string{
		"short", "a=aaaaaaaaaaaaaaa", "aaaaaaaaaaaa\naaaaaaaaaaaa", "aaaaaaaaaaaa right=all", "aaaaaaaaaaaa until=tomorrow",
		"aaaaaaaaaaaa nme=Ann", "aaaaaaaaaaaa name=\"\u202e\"", "aaaaaaaaaaaa Ann", "aaaaaaaaaaaa room=\"\n\"", "ääääääääääää",
	} {
		if _, err := Parse(strings.NewReader("\n" + text)); !errors.Is(err, ErrFile) || !strings.Contains(err.Error(), "line ") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestSanctions(t *testing.T) {
	var l Sanctions
	add := func(who string, mute bool, d time.Duration) {
		t.Helper()
		s, err := ParseSubject(who)
		if err == nil {
			err = l.Add(Sanction{s, mute, noon.Add(d)}, noon)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	add("192.0.2.7", false, time.Hour)
	add("198.51.100.0/24", false, time.Hour)
	add("2001:db8::7", true, time.Hour)
	add("token:abcd", false, time.Minute)
	banned := func(addr, token string, mute bool, later time.Duration) bool {
		var t *Token
		if token != "" {
			t = &Token{ID: token}
		}
		_, ok := l.Find(netip.MustParseAddr(addr), t, mute, noon.Add(later))
		return ok
	}
	for _, tt := range []struct {
		addr, token string
		mute, want  bool
		later       time.Duration
	}{
		{"192.0.2.7", "", false, true, 0}, {"192.0.2.7", "", false, false, time.Hour}, {"192.0.2.7", "", true, false, 0},
		{"::ffff:192.0.2.7", "", false, true, 0}, {"192.0.2.8", "", false, false, 0}, {"198.51.100.200", "", false, true, 0},
		{"2001:db8::1:2:3:4", "", true, true, 0}, {"2001:db8:0:1::7", "", true, false, 0},
		{"192.0.2.8", "abcd", false, true, 0}, {"192.0.2.8", "abcd", false, false, time.Minute}, {"192.0.2.8", "abce", false, false, 0},
	} {
		if got := banned(tt.addr, tt.token, tt.mute, tt.later); got != tt.want {
			t.Errorf("%+v: %v", tt, got)
		}
	}
	add("192.0.2.7", false, time.Minute) // takes the place of the hour
	if banned("192.0.2.7", "", false, time.Minute) {
		t.Error("a shorter ban does not take the place of a longer one")
	}
	if list := l.List(noon.Add(time.Minute)); len(list) != 2 || list[0].Subject.String() != "198.51.100.0/24" {
		t.Errorf("%v", list)
	}
	who, _ := ParseSubject("198.51.100.0/24")
	if !l.Lift(who, false, noon) || l.Lift(who, false, noon) || banned("198.51.100.200", "", false, 0) {
		t.Error("it is not lifted once")
	}
	for _, text := range []string{"", "token:", "token:a b", "token:a\nban", "Ann", "192.0.2.0/33"} {
		if _, err := ParseSubject(text); err == nil {
			t.Errorf("%q is a subject", text)
		}
	}
	for i := range maxSanctions {
		_ = l.Add(Sanction{Subject{Token: time.Duration(i).String()}, false, noon.Add(time.Hour)}, noon)
	}
	if err := l.Add(Sanction{Subject{Token: "x"}, false, noon.Add(time.Hour)}, noon); !errors.Is(err, ErrTooMany) {
		t.Error(err)
	}
}

// What is written down is read again, but for what has ended meanwhile.
func TestSanctionsAsText(t *testing.T) {
	var l, again Sanctions
	for i, who := range []string{"192.0.2.7", "198.51.100.0/24", "2001:db8::7", "token:abcd"} {
		s, err := ParseSubject(who)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Add(Sanction{s, i%2 == 1, noon.Add(time.Duration(i+1) * 1001 * time.Millisecond)}, noon); err != nil {
			t.Fatal(err)
		}
	}
	text := l.Text(noon)
	if err := again.Read(strings.NewReader("# ours\n\n"+text), noon.Add(1002*time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	want := `mute 198.51.100.0/24 2026-12-31T12:00:02.002Z
ban 2001:db8::/64 2026-12-31T12:00:03.003Z
mute token:abcd 2026-12-31T12:00:04.004Z
`
	if got := again.Text(noon); got != want || text != "ban 192.0.2.7/32 2026-12-31T12:00:01.001Z\n"+want {
		t.Errorf("%s of %s", got, text)
	}
	for _, line := range []string{"ban", "ban 192.0.2.7", "ban 192.0.2.7 tomorrow", "kick 192.0.2.7 2026-12-31T12:00:01Z", "ban Ann 2026-12-31T12:00:01Z", "ban a b c"} {
		if err := again.Read(strings.NewReader("\n"+line), noon); err == nil || !strings.Contains(err.Error(), "line 2") {
			t.Errorf("%q: %v", line, err)
		}
	}
}
