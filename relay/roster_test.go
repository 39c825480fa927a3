package relay

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

// heard is what a client makes of the user lists that it gets.
type heard map[uint32]string

func (h *heard) take(t testing.TB, p netproto.SendNewUsers) {
	t.Helper()
	if p.Left == nil {
		*h = heard{}
	}
	for _, id := range p.Left {
		delete(*h, id)
	}
	for i, id := range p.Sessions {
		(*h)[id] = p.Users[i]
	}
}

func parseUsers(t testing.TB, data []byte) netproto.SendNewUsers {
	t.Helper()
	var d netproto.Decoder
	d.Write(data)
	p, err := d.Next()
	if err != nil {
		t.Fatal(err)
	}
	return p.(netproto.SendNewUsers)
}

func wide(i int) string { return strings.Repeat("\U0001f600", 15) + fmt.Sprintf("%04d", i) }

// Members come and go, and clients look now and then, some of them seldom, some in
// the middle of the pages: in the end each knows exactly who is there.
func TestRosterSteps(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	core := NewCore(CoreConfig{Workers: 3})
	type client struct {
		told  told
		heard heard
	}
	clients := make([]client, 8)
	var members []uint32
	var users UserList
	for i := range 8000 {
		size := 150 * (1 + i/2000%3) // the room grows and shrinks, and what it remembers runs over
		if i > 6000 {
			size = 5 // and is small in the end
		}
		if rng.IntN(2*size) > len(members) {
			m, err := core.Join(0, Newcomer{Room: "r", Name: wide(i), Voice: 1})
			if err != nil {
				t.Fatal(err)
			}
			members, users = append(members, m.Session), m.Users
			core.sessions[m.Session].turn.holds.Store(rng.IntN(20) == 0)
		} else if len(members) > 1 {
			k := rng.IntN(len(members))
			core.Leave(members[k])
			members = slices.Delete(members, k, k+1)
			users = core.rooms["r"].users()
		}
		r := newRoster(users)
		for n := range clients {
			c := &clients[n]
			if rng.IntN(1<<(2*n)) != 0 {
				continue
			}
			if rng.IntN(30) == 0 {
				*c = client{} // another one, who is new
			}
			for pages := 1; ; pages++ {
				s := r.next(c.told)
				if len(s.data) > 0 {
					c.heard.take(t, parseUsers(t, s.data))
				}
				if len(s.data) > 2*pageSize+12*maxLeft {
					t.Fatalf("a page of %d bytes", len(s.data))
				}
				if c.told = s.then; !s.then.more {
					break
				}
				if pages > 100 {
					t.Fatal("pages without an end")
				}
				if rng.IntN(4) == 0 {
					break // and go on with a newer list
				}
			}
			if c.told.more {
				continue
			}
			want := heard{}
			for i, id := range users.Sessions {
				want[id] = users.Names[i]
			}
			if !maps.Equal(c.heard, want) {
				t.Fatalf("step %d, client %d: knows %d members of %d", i, n, len(c.heard), len(want))
			}
		}
	}
}

// All who were told the same need the same bytes: they are encoded once.
func TestRosterEncodesOnce(t *testing.T) {
	core := NewCore(CoreConfig{})
	for i := range 100 {
		_, _ = core.Join(0, Newcomer{Room: "r", Name: wide(i), Voice: 1})
	}
	r := newRoster(core.rooms["r"].users())
	from := told{r.users.Version - 1, r.users.Sessions[98], false}
	a, b := r.next(from), r.next(from)
	if a != b {
		t.Error("encoded twice")
	}
	p := parseUsers(t, a.data)
	if len(p.Users) != 1 || p.Users[0] != wide(99) || p.Left == nil || len(p.Left) != 0 || a.then.more {
		t.Errorf("%s", a.data)
	}
	if len(a.data) > 300 {
		t.Errorf("one newcomer takes %d bytes", len(a.data))
	}
	for i := range uint32(100) {
		r.next(told{r.users.Version - 1, i, false})
	}
	if len(r.steps) > maxSteps {
		t.Errorf("%d packages are kept", len(r.steps))
	}
	if s := r.next(told{r.users.Version - 1, r.users.Sessions[99], false}); s.data != nil || s.then.more {
		t.Errorf("nothing new is %q", s.data)
	}
}

// Who comes to a long list is told on its first page who talks, and when those leave.
func TestTalkersAreNamedFirst(t *testing.T) {
	core := NewCore(CoreConfig{})
	var ids []uint32
	for i := range 200 {
		m, err := core.Join(0, Newcomer{Room: "r", Name: wide(i), Voice: 1})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, m.Session)
	}
	core.sessions[ids[3]].turn.holds.Store(true)
	core.sessions[ids[150]].turn.holds.Store(true)
	core.sessions[ids[199]].turn.holds.Store(true)
	s := newRoster(core.rooms["r"].users()).next(told{})
	p := parseUsers(t, s.data)
	if n := len(p.Sessions); !slices.Equal(p.Sessions[n-3:], []uint32{s.then.last, ids[150], ids[199]}) || p.Left != nil {
		t.Errorf("%d on the first page", p.Sessions)
	}
	if !slices.Equal(p.Users[len(p.Users)-2:], []string{wide(150), wide(199)}) {
		t.Errorf("%q on the first page", p.Users)
	}
	core.Leave(ids[199])
	p = parseUsers(t, newRoster(core.rooms["r"].users()).next(s.then).data)
	if !slices.Equal(p.Left, []uint32{ids[199]}) || p.Sessions[0] <= s.then.last {
		t.Errorf("%+v", p)
	}
}

// reader is a client that reads packages from a real connection.
type reader struct {
	t    *testing.T
	conn net.Conn
	dec  netproto.Decoder
}

func newReader(t *testing.T, s *Server, p netproto.SendNickname) *reader {
	t.Helper()
	conn, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(60 * time.Second))
	if _, err := conn.Write(appendPackage(p)); err != nil {
		t.Fatal(err)
	}
	return &reader{t: t, conn: conn}
}

func (r *reader) next() netproto.Package {
	r.t.Helper()
	buf := make([]byte, 4096)
	for {
		p, err := r.dec.Next()
		if err == nil {
			return p
		}
		if !errors.Is(err, netproto.ErrNeedMore) {
			r.t.Fatal(err)
		}
		n, err := r.conn.Read(buf)
		if err != nil {
			r.t.Fatal(err)
		}
		r.dec.Write(buf[:n])
	}
}

// session reads up to SESSION.
func (r *reader) session(h *heard) (id uint32, lists int) {
	r.t.Helper()
	for {
		switch p := r.next().(type) {
		case netproto.SendNewUsers:
			h.take(r.t, p)
			lists++
		case netproto.Session:
			return p.Session, lists
		}
	}
}

// In a room whose list is several packages long everybody is in everybody's
// list, SESSION comes behind the first page, and who knows only TIP_Project's table gets what
// fits, to the byte as ever.
func TestLargeRoom(t *testing.T) {
	const size = 1000
	s := startServer(t, Config{})
	heards := map[int]*heard{}
	readers := map[int]*reader{}
	ids := map[uint32]string{}
	for i := range size {
		r := newReader(t, s, netproto.SendNickname{Name: wide(i), Voice: 1, Room: "r"})
		h := heard{}
		id, lists := r.session(&h)
		if lists != 1 {
			t.Fatalf("member %d: %d lists before SESSION", i, lists)
		}
		ids[id] = wide(i)
		if i%250 == 0 || i == size-1 {
			readers[i], heards[i] = r, &h
		}
	}
	for i, r := range readers {
		for len(*heards[i]) < size {
			if p, ok := r.next().(netproto.SendNewUsers); ok {
				heards[i].take(t, p)
			}
		}
		if !maps.Equal(map[uint32]string(*heards[i]), ids) {
			t.Errorf("member %d knows others than are there", i)
		}
	}
}

// Clients without VOICE get the whole list on every change, the last to come left
// out where it would not fit into a package.
func TestWholeLists(t *testing.T) {
	s := startServer(t, Config{})
	conn, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(60 * time.Second))
	fmt.Fprint(conn, `{"KEY": 2, "NAME": "Adam"}`)
	in := bufio.NewReader(conn)
	text := func() string {
		t.Helper()
		b, err := in.ReadBytes('}')
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	names := []string{"Adam"}
	if got, want := text(), `{"KEY": 3, "USERS": ["Adam"]}`; got != want {
		t.Fatalf("%s, want %s", got, want)
	}
	text() // SESSION
	for i := range 300 {
		newReader(t, s, netproto.SendNickname{Name: wide(i), Voice: i % 2}).session(new(heard))
		names = append(names, wide(i))
	}
	// As of old the last are left out, an eighth at a time.
	fit := len(names)
	var want []byte
	for ; want == nil; fit -= 1 + fit/8 {
		want, _ = netproto.AppendPackage(nil, netproto.SendNewUsers{Users: names[:fit]})
	}
	for got := ""; got != string(want); {
		got = text()
		var p struct{ USERS []string }
		if err := json.Unmarshal([]byte(got), &p); err != nil || !slices.Equal(p.USERS, names[:len(p.USERS)]) {
			t.Fatalf("%v in %.80s", err, got)
		}
	}
}
