package relay

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/forward"
	"github.com/tincan-voice/tincan/internal/relay/relaytest"
	"github.com/tincan-voice/tincan/internal/relay/rooms"
	"github.com/tincan-voice/tincan/netproto"
)

// shows enters with a token.
func (c *tipClient) shows(token, name, room string) {
	c.t.Helper()
	c.send(fmt.Sprintf(`{"KEY": 2, "NAME": %q, "VOICE": 1, "FRESH": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "ROOM": %q, "TOKEN": %q}`, name, room, token))
}

// enters is that, and takes the answers.
func (c *tipClient) enters(token, name, room string) (session map[string]any) {
	c.t.Helper()
	c.shows(token, name, room)
	c.want(3)
	return c.want(6)
}

// until skips what else is told.
func (c *tipClient) until(key int) map[string]any {
	c.t.Helper()
	for {
		if p := c.next(); p["KEY"] == float64(key) {
			return p
		}
	}
}

func id(session map[string]any) uint32 { return uint32(session["SESSION"].(float64)) }

func TestTokensAreNeeded(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tokens")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("aaaaaaaaaaaa\nbbbbbbbbbbbb name=Bob room=kitchen right=kick\n")
	s := startServer(t, Config{TokenFile: file})
	for _, tt := range []struct{ token, name, room, reason string }{
		{"", "Eve", "", "asks for a token"},
		{"aaaaaaaaaaab", "Eve", "", "does not know that token"},
		{"bbbbbbbbbbbb", "Eve", "kitchen", "another name or room"},
		{"bbbbbbbbbbbb", "Bob", "cellar", "another name or room"},
	} {
		c := dialTIP(t, s)
		c.shows(tt.token, tt.name, tt.room)
		c.refused(tt.reason)
	}
	ann, bob := dialTIP(t, s), dialTIP(t, s)
	if p := ann.enters("aaaaaaaaaaaa", "Ann", "kitchen"); p["RIGHTS"] != nil {
		t.Errorf("%v", p)
	}
	if p := bob.enters("bbbbbbbbbbbb", "Bob", "kitchen"); p["RIGHTS"] != 1.0 {
		t.Errorf("%v", p)
	}

	// A file that makes no sense changes nothing; a token that is not in it any more sends away.
	write("short")
	if err := s.Reload(); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), "line 1") {
		t.Error(err)
	}
	write("aaaaaaaaaaaa\n")
	if err := s.Reload(); err != nil {
		t.Fatal(err)
	}
	if p := bob.until(4); !strings.Contains(fmt.Sprint(p["REASON"]), "does not know that token") {
		t.Errorf("%v", p)
	}
	bob.closed()
	ann.send(`{"KEY": 7, "PORT": 1}`)
	ann.until(0)
	if len(s.Clients()) != 1 || s.Clients()[0].Token == "" {
		t.Errorf("%+v", s.Clients())
	}
}

// Who has a right may use it on the members of its room, and nobody else may.
func TestRights(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tokens")
	text := "aaaaaaaaaaaa\nbbbbbbbbbbbb\nmmmmmmmmmmmm right=kick right=ban right=mute\nkkkkkkkkkkkk right=kick\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s := startServer(t, Config{TokenFile: file})
	eve, bob, mod, kicker, far := dialTIP(t, s), dialTIP(t, s), dialTIP(t, s), dialTIP(t, s), dialTIP(t, s)
	eves := id(eve.enters("aaaaaaaaaaaa", "Eve", ""))
	bobs := id(bob.enters("bbbbbbbbbbbb", "Bob", ""))
	mod.enters("mmmmmmmmmmmm", "Mod", "")
	kicker.enters("kkkkkkkkkkkk", "Kicker", "")
	fars := id(far.enters("aaaaaaaaaaaa", "Far", "cellar"))

	for _, tt := range []struct {
		by        *tipClient
		what, why string
	}{
		{eve, fmt.Sprintf(`"SESSION": %d`, bobs), "no right"},
		{kicker, fmt.Sprintf(`"SESSION": %d, "BAN": 60`, eves), "no right"},
		{kicker, fmt.Sprintf(`"SESSION": %d, "MUTE": 60`, eves), "no right"},
		{mod, fmt.Sprintf(`"SESSION": %d`, fars), "not in your room"},
		{mod, `"SESSION": 12345`, "not in your room"},
	} {
		tt.by.send(`{"KEY": 4, ` + tt.what + `}`)
		if p := tt.by.until(1); !strings.Contains(fmt.Sprint(p["REASON"]), tt.why) {
			t.Errorf("%s: %v", tt.what, p)
		}
	}
	if len(s.Clients()) != 5 {
		t.Fatalf("%+v", s.Clients())
	}
	mod.send(fmt.Sprintf(`{"KEY": 4, "SESSION": %d, "MUTE": 60}`, eves))
	mod.until(0)
	if !slices.ContainsFunc(s.Clients(), func(c Client) bool { return c.Name == "Eve" && c.Muted }) {
		t.Errorf("%+v", s.Clients())
	}
	mod.send(fmt.Sprintf(`{"KEY": 4, "REASON": "noise", "SESSION": %d, "BAN": 60}`, eves))
	mod.until(0)
	for _, c := range []*tipClient{eve, far} { // who has shown the same token
		if p := c.until(4); p["REASON"] != "sent away by Mod: noise" {
			t.Errorf("%v", p)
		}
		c.closed()
	}
	again := dialTIP(t, s)
	again.shows("aaaaaaaaaaaa", "Eve", "")
	again.refused("banned")
	for range maxBadInAll + 1 { // who comes too late with it is no flood
		kicker.send(`{"KEY": 4, "SESSION": 12345}`)
		kicker.until(1)
	}
	long := strings.Repeat("x", netproto.MaxReason) + strings.Repeat("é", 30000) // 180 kB, written in ASCII
	kicker.send(fmt.Sprintf(`{"KEY": 4, "REASON": %q, "SESSION": %d}`, long, bobs))
	kicker.until(0)
	if p := fmt.Sprint(bob.until(4)["REASON"]); !strings.HasPrefix(p, "sent away by Kicker: xx") || len([]rune(p)) > netproto.MaxReason {
		t.Errorf("%v", p)
	}
	dialTIP(t, s).enters("bbbbbbbbbbbb", "Bob", "")
}

// Kick, Ban and Mute on a relay without tokens, where addresses are all that is known; a client that stays on the line
// is cut.
func TestSanctions(t *testing.T) {
	s := startServer(t, Config{})
	a, b, c := joinVoice(t, s, "", "a"), joinVoice(t, s, "", "b"), dialTIP(t, s)
	c.login("c", "a", "b", "c")
	if err := s.Kick(s.Clients()[2].Session, ""); err != nil {
		t.Fatal(err)
	}
	c.refused("sent away")
	if s.Kick(12345, "") == nil || s.Ban("12345", time.Hour, "") == nil || s.Ban("Ann", time.Hour, "") == nil || s.Lift("192.0.2.1", false) == nil {
		t.Error("nobody was meant")
	}
	_ = c.conn.Close()

	if err := s.Mute(fmt.Sprint(a.session), time.Hour); err != nil {
		t.Fatal(err)
	}
	if err := s.Mute("127.0.0.0/8", time.Nanosecond); err != nil { // the longest counts
		t.Fatal(err)
	}
	if p := a.until(6); p["MUTE"] != 3600.0 {
		t.Errorf("muted: %v", p)
	}
	a.say("unheard")
	b.silent()
	d := joinVoice(t, s, "", "d") // who comes from there is muted too
	d.say("unheard")
	b.silent()
	if err := s.Lift("127.0.0.1", true); err != nil {
		t.Fatal(err)
	}
	if p := d.until(6); p["MUTE"] != 1.0 {
		t.Errorf("not muted any more: %v", p)
	}
	d.say("heard")
	if got := b.hear(1); len(got) != 1 {
		t.Error("not heard after the mute was lifted")
	}

	a.lose(s) // and is sent away all the same
	if err := s.Ban("127.0.0.0/8", time.Hour, ""); err != nil {
		t.Fatal(err)
	}
	if list := s.Sanctions(); len(list) != 1 || list[0].Who != "127.0.0.0/8" || list[0].Mute {
		t.Errorf("%+v", list)
	}
	within(t, "all have gone", func() bool { return len(s.Clients()) == 0 })
	e := dialTIP(t, s)
	e.send(`{"KEY": 2, "NAME": "e"}`)
	e.refused("banned from this relay until")
	s.nothingLeft(t) // though nobody has hung up
	if len(s.guests) != 0 {
		t.Errorf("%+v", s.guests)
	}
	if err := s.Lift("127.0.0.0/8", false); err != nil {
		t.Fatal(err)
	}
	joinVoice(t, s, "", "f")
}

// A mute that ends while the connection is lost is over for who comes back.
func TestMuteEndsWhileLost(t *testing.T) {
	s := startServer(t, everyone())
	a := joinVoice(t, s, "r", "a")
	if err := s.Mute("127.0.0.1", time.Hour); err != nil {
		t.Fatal(err)
	}
	a.lose(s)
	if err := s.Lift("127.0.0.1", true); err != nil {
		t.Fatal(err)
	}
	if _, session := a.comeBack(s); session["MUTE"] != 1.0 {
		t.Errorf("%v", session)
	}
}

// Who is muted loses its place, and those who heard it are told where it ended.
func TestMutedTalker(t *testing.T) {
	c := relaytest.New(t, rooms.Config{Talkers: 1})
	a, b, l := c.Settled("", "a"), c.Settled("", "b"), c.Settled("", "l")
	c.Handle(a.Addr, a.Said("one"))
	l.Took()
	c.Mute(a.Session, c.Now+time.Hour)
	for range 30 {
		c.Now += 20 * time.Millisecond
		if drop := c.Handle(a.Addr, a.Said("two")); drop != forward.DropMuted {
			t.Fatal(drop)
		}
	}
	for _, d := range l.Took() {
		if d[0]&15 == 0 {
			t.Fatal("voice of a muted talker")
		}
	}
	if drop := c.Handle(b.Addr, b.SaidAt("mine", 50, true)); drop != forward.Kept {
		t.Errorf("a muted talker keeps its place: %v", drop)
	}
	c.Mute(a.Session, 0)
	c.Now += 10 * time.Second
	if drop := c.Handle(a.Addr, a.Said("three")); drop != forward.Kept {
		t.Error(drop)
	}
}
