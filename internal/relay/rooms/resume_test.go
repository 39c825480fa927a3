package rooms_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/forward"
	"github.com/tincan-voice/tincan/internal/relay/relaytest"
	"github.com/tincan-voice/tincan/internal/relay/rooms"
	"github.com/tincan-voice/tincan/netproto"
)

// again is what the client sends to go on with its session.
func again(cl *relaytest.Client, room, name string) rooms.Newcomer {
	return rooms.Newcomer{Room: room, Name: name, Voice: 1, Resume: cl.Resume, Proof: cl.HopKey.ResumeProof(cl.Resume)}
}

// resume goes on with the session, and tells whether it is the same one.
func resume(c *relaytest.Core, cl *relaytest.Client, room, name string) bool {
	c.T.Helper()
	m, err := c.Join(c.Now, again(cl, room, name))
	if err != nil {
		c.T.Fatal(err)
	}
	if !m.Resumed {
		c.Leave(m.Session)
		return false
	}
	if m.Session != cl.Session || m.HopKey != cl.HopKey || m.Resume == cl.Resume {
		c.T.Fatalf("%+v is another session than %+v", m, cl.Membership)
	}
	cl.Membership = m
	return true
}

// pass lets time pass, second by second, and returns who was ended meanwhile.
func pass(c *relaytest.Core, d time.Duration, each func()) (ended []uint32) {
	for end := c.Now + d; c.Now < end; c.Now += time.Second {
		each()
		ended = append(ended, c.Expire(c.Now)...)
		c.Tick(c.Now)
	}
	return append(ended, c.Expire(c.Now)...)
}

// How long a session lasts follows from the last sign of life, whichever way it came.
func TestHoldTime(t *testing.T) {
	const s, min = time.Second, time.Minute
	for _, tt := range []struct {
		name      string
		hold      time.Duration // as configured
		datagrams time.Duration // come until then
		alive     time.Duration // last sign of life of the connection
		lost      time.Duration // when it ended
		back      time.Duration // when the client is back
		resume    bool
	}{
		{"in time", 0, 10 * s, 10 * s, 10 * s, 69 * s, true},
		{"too late", 0, 10 * s, 10 * s, 10 * s, 72 * s, false},
		{"the connection was dead for long", 0, 10 * s, 10 * s, 50 * s, 69 * s, true},
		{"too late after that", 0, 10 * s, 10 * s, 50 * s, 72 * s, false},
		{"dead for longer than that", 0, 10 * s, 10 * s, 75 * s, 77 * s, false},
		{"without datagrams", 0, 0, 10 * min, 10 * min, 10*min + 59*s, true},
		{"too late without datagrams", 0, 0, 10 * min, 10 * min, 10*min + 62*s, false},
		{"datagrams lasted", 0, 10 * min, 10 * s, 50 * s, 10*min + 58*s, true},
		{"too late after these", 0, 10 * min, 10 * s, 50 * s, 10*min + 62*s, false},
		{"5 s, in time", 5 * s, 10 * s, 10 * s, 10 * s, 14 * s, true},
		{"5 s, too late", 5 * s, 10 * s, 10 * s, 10 * s, 17 * s, false},
		{"nobody is held", -1, 10 * s, 10 * s, 10 * s, 10 * s, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := relaytest.New(t, rooms.Config{HoldTime: tt.hold})
			a, b := c.Settled("r", "a"), c.Settled("r", "b")
			start := c.Now
			talk := func() {
				c.Handle(a.Addr, a.Probe())
				if c.Now <= start+tt.datagrams {
					c.Handle(b.Addr, b.Probe())
				}
			}
			if ended := pass(c, tt.lost, talk); ended != nil {
				t.Fatalf("%v ended before", ended)
			}
			if held := c.Lose(b.Session, start+tt.alive); held != (tt.hold >= 0) {
				t.Fatalf("held: %v", held)
			}
			ended := pass(c, start+tt.back-c.Now, talk)
			if slices.Contains(ended, b.Session) != (tt.hold >= 0 && !tt.resume) {
				t.Errorf("ended: %v", ended)
			}
			if got := resume(c, b, "r", "b"); got != tt.resume {
				t.Errorf("resumed: %v", got)
			}
			if ended := pass(c, 10*min, talk); ended != nil {
				t.Errorf("%v ended though its connection is there", ended)
			}
		})
	}
}

// A relay that stood still could hear nobody: all who are held have their time again.
func TestHoldTimeAfterAStandstill(t *testing.T) {
	c := relaytest.New(t, rooms.Config{})
	a, b := c.Settled("r", "a"), c.Settled("r", "b")
	c.Lose(a.Session, c.Now)
	c.Lose(b.Session, c.Now)
	c.Now += 10 * time.Minute
	c.Wake(c.Now)
	if ended := pass(c, 59*time.Second, func() {}); ended != nil {
		t.Errorf("%v ended", ended)
	}
	if !resume(c, b, "r", "b") {
		t.Error("not resumed")
	}
	if ended := pass(c, 3*time.Second, func() {}); !slices.Equal(ended, []uint32{a.Session}) {
		t.Errorf("%v ended, want %d", ended, a.Session)
	}
}

// Everything that is counted goes on: nothing is accepted or sealed twice.
func TestResumeGoesOnCounting(t *testing.T) {
	c := relaytest.New(t, rooms.Config{})
	a, b := c.Settled("r", "a"), c.Settled("r", "b")
	c.Tick(c.Now)
	said, probe := a.Said("before"), a.Probe()
	nonces := make(map[string]bool)
	// takes empties the box: nothing sealed may come twice, and of voice this only.
	takes := func(cl *relaytest.Client, want ...[]byte) {
		t.Helper()
		var voice [][]byte
		for _, d := range cl.Took() {
			h, _ := netproto.ParseHeader(d)
			if h.Type == netproto.TypeVoice {
				voice = append(voice, d)
				continue
			}
			nonce := fmt.Sprint(h.Session, h.Type, h.Seq)
			if nonces[nonce] {
				t.Fatalf("%s is sealed twice", nonce)
			}
			nonces[nonce] = true
		}
		c.Boxes[cl.Addr] = voice
		cl.Hears(want...)
	}
	takes(a)
	takes(b)
	c.Handle(a.Addr, said)
	c.Handle(a.Addr, probe)
	takes(b, said)
	for i := range 20 {
		c.Now += time.Second
		if i%2 == 0 {
			c.Lose(a.Session, c.Now)
		} // else the old connection hangs
		held := a.Said("while it is held")
		c.Handle(a.Addr, held)
		takes(b, held)
		if i%3 == 0 {
			a.Addr = relaytest.NewAddr()
		}
		if !resume(c, a, "r", "a") {
			t.Fatal("not resumed")
		}
		if i%3 == 0 {
			c.Handle(a.Addr, a.Probe())
			for _, d := range c.Boxes[a.Addr] {
				if h, _ := netproto.ParseHeader(d); h.Type == netproto.TypeChallenge {
					body, err := a.Down.Open(nil, d)
					if err != nil {
						t.Fatal(err)
					}
					c.Handle(a.Addr, a.Sealed(netproto.TypeChallengeReply, body))
				}
			}
		}
		if drop := c.Handle(a.Addr, slices.Clone(said)); drop != forward.DropReplayed {
			t.Errorf("voice of before: %v", drop)
		}
		if drop := c.Handle(a.Addr, probe); drop != forward.DropReplayed {
			t.Errorf("probe of before: %v", drop)
		}
		after := a.Said("after")
		c.Handle(a.Addr, after)
		takes(b, after)
		heard := b.Said("for it")
		c.Handle(b.Addr, heard)
		takes(a, heard)
		if !c.HasPath(a) {
			t.Fatal("no path")
		}
	}
	// The others were told nothing.
	c.Now += time.Second
	if updates, _ := c.Tick(c.Now); len(updates) != 0 {
		t.Errorf("%+v", updates)
	}
}

// What happened while it was held is in what the client gets.
func TestResumeIsToldWhatChanged(t *testing.T) {
	c := relaytest.New(t, rooms.Config{MaxRoomSize: 3, MaxSessions: 3, MaxRooms: 1})
	a, b := c.Settled("r", "a"), c.Settled("r", "b")
	c.Lose(b.Session, c.Now)
	var last uint32
	for i := range 6 {
		other := c.Enter("r", fmt.Sprint("visitor ", i))
		for _, room := range []string{"r", "q"} { // a held member counts
			if _, err := c.Join(c.Now, rooms.Newcomer{Room: room, Name: "x", Voice: 1}); !errors.Is(err, rooms.ErrServerFull) {
				t.Fatal(err)
			}
		}
		c.Leave(other.Session)
		c.Now += 5 * time.Second
		updates, _ := c.Tick(c.Now)
		if p := updates[0].Users.Package(); p.Epoch <= last || len(p.MediaKey) != netproto.KeySize {
			t.Errorf("epoch %d, after %d", p.Epoch, last)
		} else {
			last = p.Epoch
		}
	}
	other := c.Enter("r", "last")
	m, err := c.Join(c.Now, again(b, "r", "b"))
	if err != nil || !m.Resumed || m.Users.Package().Epoch != 0 { // the one with the last has not begun
		t.Errorf("%+v, %v", m, err)
	}
	if want := []uint32{a.Session, b.Session, other.Session}; !slices.Equal(m.Users.Sessions, want) {
		t.Errorf("users %v, want %v", m.Users.Sessions, want)
	}
}

// A RESUME is good once. The last one is good again until the client shows that it has the answer, but not for ever.
func TestResumeOnce(t *testing.T) {
	c := relaytest.New(t, rooms.Config{})
	a := c.Settled("r", "a")
	first := again(a, "r", "a")
	try := func(n rooms.Newcomer, want bool) rooms.Membership {
		t.Helper()
		m, err := c.Join(c.Now, n)
		if err != nil || m.Resumed != want {
			t.Fatalf("%+v, %v", m, err)
		}
		if !m.Resumed {
			c.Leave(m.Session)
		}
		return m
	}
	one := try(first, true)
	if two := try(first, true); two.Resume != one.Resume {
		t.Error("another answer")
	}
	c.Answered(a.Session)
	try(first, false)
	a.Membership = one
	second := again(a, "r", "a")
	a.Membership = try(second, true)
	try(first, false)
	try(second, true)
	third := again(a, "r", "a")
	try(third, true)
	try(second, false)
	c.Now += 61 * time.Second
	c.Handle(a.Addr, a.Probe())
	try(third, false)
	c.Answered(12345) // who is that?
}

// Attempts to get one session get one, until its client shows that it has the answer.
func TestAttempts(t *testing.T) {
	c := relaytest.New(t, rooms.Config{})
	one := rooms.Newcomer{Room: "r", Name: "a", Voice: 1, Attempt: []byte("0123456789abcdef")}
	join := func(n rooms.Newcomer, again bool) rooms.Membership {
		t.Helper()
		m, err := c.Join(c.Now, n)
		if err != nil || m.Resumed != again {
			t.Fatalf("%+v, %v", m, err)
		}
		return m
	}
	first := join(one, false)
	c.Lose(first.Session, c.Now)
	if m := join(one, true); m.Session != first.Session || m.HopKey != first.HopKey || m.Resume != first.Resume {
		t.Errorf("%+v, want %+v", m, first)
	}
	if ended := pass(c, 2*time.Minute, func() {}); len(ended) > 0 {
		t.Errorf("%d ended, with a connection", ended)
	}
	for name, change := range map[string]func(n *rooms.Newcomer){
		"name":       func(n *rooms.Newcomer) { n.Name = "b" },
		"room":       func(n *rooms.Newcomer) { n.Room = "q" },
		"none":       func(n *rooms.Newcomer) { n.Attempt = nil },
		"another":    func(n *rooms.Newcomer) { n.Attempt = []byte("1123456789abcdef") },
		"zero":       func(n *rooms.Newcomer) { n.Attempt = make([]byte, 16) },
		"zero again": func(n *rooms.Newcomer) { n.Attempt = make([]byte, 16) },
	} {
		n := one
		change(&n)
		if m := join(n, false); m.Session == first.Session {
			t.Errorf("another %s: the same session", name)
		}
	}
	c.Answered(first.Session)
	if _, err := c.Join(c.Now, one); !errors.Is(err, rooms.ErrLate) { // what is late makes no session
		t.Error(err)
	}
	if m, err := c.Join(c.Now, rooms.Newcomer{
		Room: "r", Name: "a", Voice: 1, Attempt: one.Attempt, Resume: first.Resume, Proof: first.HopKey.ResumeProof(first.Resume),
	}); err != nil || m.Session != first.Session {
		t.Errorf("%+v, %v", m, err)
	}
	c.Leave(first.Session)
	join(one, false)

	two := one
	two.Attempt = []byte("fedcba9876543210") // and a datagram shows it
	up := netproto.NewSealer(join(two, false).HopKey.Up())
	probe := up.Seal(nil, netproto.Header{Type: netproto.TypeProbe, Session: join(two, true).Session, Seq: 1}, netproto.AppendProbe(nil, netproto.Probe{}))
	if drop := c.Handle(relaytest.NewAddr(), probe); drop != forward.Kept {
		t.Fatal(drop)
	}
	if _, err := c.Join(c.Now, two); !errors.Is(err, rooms.ErrLate) {
		t.Error(err)
	}
}

// Thieves do nothing to a session: what they have seen of it never fits.
func TestResumeStolen(t *testing.T) {
	c := relaytest.New(t, rooms.Config{})
	a, thief := c.Settled("r", "a"), c.Settled("r", "a")
	rng := rand.New(rand.NewPCG(7, 7))
	for i := range 2000 {
		n := again(a, "r", "a")
		switch i % 5 {
		case 0:
			n.Proof = thief.HopKey.ResumeProof(n.Resume)
		case 1:
			n.Proof[rng.IntN(len(n.Proof))] ^= 1 << rng.IntN(8)
		case 2:
			n.Resume = thief.Resume // with the proof of the other
		case 3:
			b := []byte(n.Resume)
			b[rng.IntN(len(b))] ^= 1
			n.Resume = string(b)
			n.Proof = a.HopKey.ResumeProof(n.Resume)
			if n.Resume == a.Resume {
				continue
			}
		case 4:
			n.Proof = n.Proof[:rng.IntN(len(n.Proof))]
		}
		m, err := c.Join(c.Now, n)
		if err != nil || m.Resumed {
			t.Fatalf("%d: %+v, %v", i, m, err)
		}
		c.Leave(m.Session)
	}
	if !resume(c, a, "r", "a") || !resume(c, thief, "r", "a") {
		t.Error("the real ones are not resumed")
	}
}

// Of sessions that were held nothing is left, however many there were.
func TestHeldSessionsAreForgotten(t *testing.T) {
	c := relaytest.New(t, rooms.Config{MaxRoomSize: 5000})
	grown := func() uint64 {
		for i := range 1000 {
			cl := c.Settled(fmt.Sprint("room ", i%50), "n")
			c.Handle(cl.Addr, cl.Said("a word"))
			if i%2 == 0 {
				c.Lose(cl.Session, c.Now)
				resume(c, cl, fmt.Sprint("room ", i%50), "n")
			}
			c.Lose(cl.Session, c.Now)
			clear(c.Boxes)
		}
		pass(c, 3*time.Minute, func() {})
		if n, left := c.Held(), c.Sessions(); n != 0 || len(left) != 0 {
			t.Fatalf("%d held, %d sessions", n, len(left))
		}
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	grown()
	before := grown()
	for range 3 {
		grown()
	}
	if after := grown(); after > before+before/4 {
		t.Errorf("%d bytes, %d before 4000 more sessions", after, before)
	}
}
