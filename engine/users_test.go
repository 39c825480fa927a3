package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

// script answers SEND_NICKNAME with these packages and DISCONNECT.
func script(t testing.TB, packages ...netproto.Package) func(net.Conn) {
	packages = append(packages, netproto.Disconnect{Reason: "that was all"})
	return func(conn net.Conn) {
		for _, p := range packages {
			b, err := netproto.AppendPackage(nil, p)
			if err != nil {
				t.Error(err)
			}
			_, _ = conn.Write(b)
		}
		_, _ = io.Copy(io.Discard, conn) // hanging up with words unread would be a reset
	}
}

func hello(session uint32) netproto.Session {
	return netproto.Session{Session: session, Voice: netproto.Version, HopKey: make([]byte, 32)}
}

// A user list may come in pages, and what follows may be differences.
func TestUserListInPages(t *testing.T) {
	list := func(left []uint32, users ...any) netproto.SendNewUsers {
		p := netproto.SendNewUsers{Left: left}
		for i := 0; i < len(users); i += 2 {
			p.Sessions, p.Users = append(p.Sessions, uint32(users[i].(int))), append(p.Users, users[i+1].(string))
		}
		return p
	}
	none := []uint32{}
	r := startRelay(t, nil, script(t,
		list(nil, 1, "old"),                 // a whole list, which
		list(nil, 2, "Bob", 3, "Eve"),       // the next one takes the place of
		list(none, 5, "Kim"),                // a page more, still before SESSION
		hello(4),                            //
		list(none, 4, "Ann", 6, "Lee"),      // and behind it
		list([]uint32{3, 99}, 7, "Max"),     // a difference
		list([]uint32{2}),                   // that only takes away
		list(none, 5, "Kimberly"),           // another name: another one
		list(nil, 4, "Ann", 5, "K", 8, "Z"), // a whole list again
		list([]uint32{5}, 5, "K again"),     // gone and come
	))
	c := join(t, r, Config{})
	var got []string
	for e := range c.Events() {
		switch e := e.(type) {
		case PeerJoined:
			got = append(got, fmt.Sprintf("+%d %s", e.Session, e.Name))
		case PeerLeft:
			got = append(got, fmt.Sprintf("-%d %s", e.Session, e.Name))
		}
	}
	want := []string{"+2 Bob", "+3 Eve", "+5 Kim", "+6 Lee", "-3 Eve", "+7 Max", "-2 Bob", "-5 Kim", "+5 Kimberly"}
	if len(got) < len(want)+3 || strings.Join(got[:len(want)], ", ") != strings.Join(want, ", ") {
		t.Fatalf("%q, want first %q", got, want)
	}
	rest := strings.Join(got[len(want):], ", ") // who is missing in a whole list leaves in no order
	if rest != "-6 Lee, -7 Max, -5 Kimberly, +5 K, +8 Z, -5 K, +5 K again" && rest != "-7 Max, -6 Lee, -5 Kimberly, +5 K, +8 Z, -5 K, +5 K again" {
		t.Errorf("at the end: %s", rest)
	}
}

// A list that was told and does not come is missed, whatever comes after it is told.
func TestMissedList(t *testing.T) {
	const s = time.Second
	tests := []struct {
		name  string
		steps []int // the number of a list that comes; below 0: of one that was told; each takes a second
		want  time.Duration
	}{
		{"none", nil, 0},
		{"a relay without numbers", []int{0, 0}, 0},
		{"as it should be", []int{4, -4, 5, -5}, 0},
		{"a newer one is here", []int{5, -4}, 0},
		{"the first is missing", []int{-4}, s},
		{"the first is on its way", []int{-4, 4}, 0},
		{"one is missing", []int{4, -5}, s},
		{"more and more are", []int{4, -5, -6, -7}, 3 * s},
		{"they lag behind", []int{4, -5, 5, -6, 6, -7}, s},
		{"one that is too old", []int{4, -7, 5, 6}, 3 * s},
		{"numbers begin anew", []int{65535, -2, 1}, 2 * s},
		{"and are right", []int{65535, -2, 2}, 0},
	}
	for _, tt := range tests {
		r, now := roster{}, time.Duration(0)
		for _, n := range tt.steps {
			if n < 0 {
				r.told(now, uint16(-n))
			} else {
				r.gone(now, &netproto.SendNewUsers{List: n})
			}
			now += s
		}
		if got := r.behind(now); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
		if r.renew(); r.behind(now) != 0 {
			t.Errorf("%s: another session, and one is still missing", tt.name)
		}
	}
}

// A relay may name more members than any room has.
func TestEndlessUserList(t *testing.T) {
	packages := []netproto.Package{hello(1)}
	id := uint32(1)
	for range 2 * maxUsers / 4096 {
		p := netproto.SendNewUsers{Left: []uint32{}}
		for range 4096 {
			id++
			p.Users, p.Sessions = append(p.Users, "x"), append(p.Sessions, id)
		}
		packages = append(packages, p)
	}
	c := join(t, startRelay(t, nil, script(t, packages...)), Config{})
	<-c.Done()
	if len(c.roster.names) != maxUsers {
		t.Errorf("%d members", len(c.roster.names))
	}
}

// Nothing that a relay says can do anything to a terminal.
func TestHostileRelay(t *testing.T) {
	const evil = "\x1b]0;owned\a\x1b[2J\u009b31m\u202e\u2028\x7f\n"
	harmless := func(what, text string) {
		t.Helper()
		if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || strings.ContainsRune(evil, r) && r > '~' }) {
			t.Errorf("%s is not clean: %q", what, text)
		}
	}
	for _, p := range []netproto.Package{
		netproto.UnknownError{Reason: evil}, netproto.Disconnect{Reason: evil},
		netproto.ServerClose{Reason: evil + strings.Repeat("x", 5000)},
	} {
		r := startRelay(t, nil, script(t, p))
		_, err := Join(context.Background(), Config{Address: r.address(), Name: "Ann", Plaintext: true})
		if !errors.Is(err, ErrRefused) && !errors.Is(err, ErrServerClosed) || !strings.Contains(err.Error(), "owned") {
			t.Fatal(err)
		}
		harmless("a refusal", err.Error())
		if len(err.Error()) > 300 {
			t.Errorf("a refusal of %d bytes", len(err.Error()))
		}
	}
	c := join(t, startRelay(t, nil, script(t,
		netproto.SendNewUsers{Users: []string{evil, "\u3164", strings.Repeat("y", 5000)}, Sessions: []uint32{2, 3, 4}}, hello(1),
		netproto.UnknownError{Reason: evil}, netproto.SendNewUsers{Left: []uint32{2, 3, 4}}, netproto.Disconnect{Reason: evil})), Config{})
	names, reasons := 0, 0
	for e := range c.Events() {
		switch e := e.(type) {
		case PeerJoined:
			names++
			harmless("a name", e.Name)
			if netproto.CheckName(e.Name) != nil {
				t.Errorf("%q is no name", e.Name)
			}
		case PeerLeft:
			names++
			harmless("a name", e.Name)
			harmless("a name in figures", e.Stats.Name)
		case RelayComplained:
			reasons++
			harmless("a complaint", e.Reason)
		case Ended:
			reasons++
			harmless("the end", e.Err.Error())
		}
	}
	if names != 6 || reasons != 2 {
		t.Errorf("%d names and %d reasons", names, reasons)
	}
}
