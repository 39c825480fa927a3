package rooms_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/relaytest"
	"github.com/tincan-voice/tincan/internal/relay/rooms"
	"github.com/tincan-voice/tincan/netproto"
)

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

// Members come and go, and clients look now and then, some of them seldom, some in
// the middle of the pages: in the end each knows exactly who is there.
func TestRosterSteps(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	core := rooms.NewCore(rooms.Config{Workers: 3})
	type client struct {
		told  rooms.Told
		heard relaytest.Heard
		list  int
	}
	clients := make([]client, 8)
	var members []uint32
	var users rooms.UserList
	talks := map[uint32]bool{}
	for i := range 8000 {
		size := 150 * (1 + i/2000%3) // the room grows and shrinks, and what it remembers runs over
		if i > 6000 {
			size = 5 // and is small in the end
		}
		if rng.IntN(2*size) > len(members) {
			m, err := core.Join(0, rooms.Newcomer{Room: "r", Name: relaytest.Wide(i), Voice: 1})
			if err != nil {
				t.Fatal(err)
			}
			members, users = append(members, m.Session), m.Users
			talks[m.Session] = rng.IntN(20) == 0
		} else if len(members) > 1 {
			k := rng.IntN(len(members))
			core.Leave(members[k])
			members = slices.Delete(members, k, k+1)
			users = core.Users("r")
		}
		var talkers []int
		for i, id := range users.Sessions {
			if talks[id] {
				talkers = append(talkers, i)
			}
		}
		users.SetTalkers(talkers)
		r := rooms.NewRoster(users)
		for n := range clients {
			c := &clients[n]
			if rng.IntN(1<<(2*n)) != 0 {
				continue
			}
			if rng.IntN(30) == 0 {
				*c = client{} // another one, who is new
			}
			for pages := 1; ; pages++ {
				data, then := r.Next(c.told)
				if len(data) > 0 {
					p := parseUsers(t, data)
					c.heard.Take(t, p)
					if c.list = p.List; (p.List == 0) != then.More() && users.Version%65536 != 0 {
						t.Fatalf("list %d, and more: %v", p.List, then.More())
					}
				}
				if len(data) > 2*rooms.PageSize+12*rooms.MaxLeft {
					t.Fatalf("a page of %d bytes", len(data))
				}
				if c.told = then; !then.More() {
					break
				}
				if pages > 100 {
					t.Fatal("pages without an end")
				}
				if rng.IntN(4) == 0 {
					break // and go on with a newer list
				}
			}
			if c.told.More() {
				continue
			}
			if c.list != int(uint16(users.Version)) {
				t.Fatalf("step %d, client %d: list %d, want %d", i, n, c.list, users.Version)
			}
			want := relaytest.Heard{}
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
	core := rooms.NewCore(rooms.Config{})
	for i := range 100 {
		_, _ = core.Join(0, rooms.Newcomer{Room: "r", Name: relaytest.Wide(i), Voice: 1})
	}
	users := core.Users("r")
	r := rooms.NewRoster(users)
	from := rooms.NewTold(users.Version-1, users.Sessions[98])
	a, then := r.Next(from)
	if b, _ := r.Next(from); &a[0] != &b[0] {
		t.Error("encoded twice")
	}
	p := parseUsers(t, a)
	if len(p.Users) != 1 || p.Users[0] != relaytest.Wide(99) || p.Left == nil || len(p.Left) != 0 || then.More() {
		t.Errorf("%s", a)
	}
	if len(a) > 300 {
		t.Errorf("one newcomer takes %d bytes", len(a))
	}
	for i := range uint32(100) {
		r.Next(rooms.NewTold(users.Version-1, i))
	}
	if n := r.Kept(); n > rooms.MaxSteps {
		t.Errorf("%d packages are kept", n)
	}
	if data, then := r.Next(rooms.NewTold(users.Version, users.Sessions[99])); data != nil || then.More() {
		t.Errorf("nothing new is %q", data)
	}
	// Who has come and gone in between makes another list all the same.
	data, _ := r.Next(rooms.NewTold(users.Version-1, users.Sessions[99]))
	if p := parseUsers(t, data); len(p.Users)+len(p.Left) > 0 || p.List != int(users.Version) {
		t.Errorf("%s", data)
	}
}

// The answers to probes say which list was told last, so that whoever has missed it asks.
func TestProbesTellOfTheList(t *testing.T) {
	c := relaytest.New(t, rooms.Config{})
	a := c.Settled("r", "a")
	for _, change := range []func(){
		func() {}, func() { c.Enter("r", "b") }, func() {}, func() { c.Leave(c.Enter("r", "c").Session) },
	} {
		change()
		c.Now += 2 * time.Second
		c.Tick(c.Now)
		a.Took()
		c.Handle(a.Addr, a.Probe())
		body, err := a.Down.Open(nil, a.Took()[0])
		if err != nil {
			t.Fatal(err)
		}
		ack, err := netproto.ParseProbeAck(body)
		if want := c.Users("r").Version; err != nil || uint64(ack.List) != want {
			t.Errorf("%+v, %v, want list %d", ack, err, want)
		}
	}
}

// Who comes to a long list is told on its first page who talks, and when those leave.
func TestTalkersAreNamedFirst(t *testing.T) {
	c := relaytest.New(t, rooms.Config{})
	var members []*relaytest.Client
	for i := range 200 {
		members = append(members, c.Enter("r", relaytest.Wide(i)))
	}
	for _, i := range []int{3, 150, 199} {
		c.Handle(members[i].Addr, members[i].Said("something"))
	}
	data, then := rooms.NewRoster(c.Users("r")).Next(rooms.Told{})
	p := parseUsers(t, data)
	late := []uint32{members[150].Session, members[199].Session}
	if n := len(p.Sessions); !slices.Equal(p.Sessions[n-3:], append([]uint32{then.Last()}, late...)) || p.Left != nil {
		t.Errorf("%d on the first page", p.Sessions)
	}
	if !slices.Equal(p.Users[len(p.Users)-2:], []string{relaytest.Wide(150), relaytest.Wide(199)}) {
		t.Errorf("%q on the first page", p.Users)
	}
	c.Leave(late[1])
	data, _ = rooms.NewRoster(c.Users("r")).Next(then)
	p = parseUsers(t, data)
	if !slices.Equal(p.Left, late[1:]) || p.Sessions[0] <= then.Last() {
		t.Errorf("%+v", p)
	}
}

// When IDs begin anew who comes has a lower one than others: it is in everybody's list all the same.
func TestRosterWhenIDsBeginAnew(t *testing.T) {
	core := rooms.NewCore(rooms.Config{Workers: 3}) // so that there are IDs between those of the room
	for i := range 300 {
		if _, err := core.Join(0, rooms.Newcomer{Room: "r", Name: relaytest.Wide(i), Voice: 1}); err != nil {
			t.Fatal(err)
		}
	}
	all, part := relaytest.Heard{}, relaytest.Heard{}
	take := func(h *relaytest.Heard, from rooms.Told, users rooms.UserList, pages int) rooms.Told {
		r := rooms.NewRoster(users)
		for range pages {
			data, then := r.Next(from)
			if len(data) > 0 {
				h.Take(t, parseUsers(t, data))
			}
			if from = then; !then.More() {
				break
			}
		}
		return from
	}
	users := core.Users("r")
	knowsAll, knowsPart := take(&all, rooms.Told{}, users, 1000), take(&part, rooms.Told{}, users, 1)
	if !knowsPart.More() || len(all) != 300 {
		t.Fatal("the list is too short for this test")
	}
	users = core.EnterAs("r", "low", users.Sessions[0]+1)
	if !slices.IsSorted(users.Sessions) || len(users.Sessions) != 301 {
		t.Fatalf("%d", users.Sessions)
	}
	for name, c := range map[string]struct {
		heard *relaytest.Heard
		from  rooms.Told
	}{"all": {&all, knowsAll}, "part": {&part, knowsPart}} {
		take(c.heard, c.from, users, 1000)
		if len(*c.heard) != 301 || (*c.heard)[users.Sessions[1]] != "low" {
			t.Errorf("who knew %s knows %d, and %q", name, len(*c.heard), (*c.heard)[users.Sessions[1]])
		}
	}
}
