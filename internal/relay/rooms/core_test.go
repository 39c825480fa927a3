package rooms_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/relaytest"
	"github.com/tincan-voice/tincan/internal/relay/rooms"
)

func TestLimits(t *testing.T) {
	c := relaytest.New(t, rooms.Config{MaxSessions: 4, MaxRooms: 2, MaxRoomSize: 2})
	first := c.Enter("a", "1")
	c.Enter("a", "2")
	if _, err := c.Join(c.Now, rooms.Newcomer{Room: "a", Name: "3", Voice: 1}); !errors.Is(err, rooms.ErrRoomFull) {
		t.Error(err)
	}
	c.Enter("b", "4")
	if _, err := c.Join(c.Now, rooms.Newcomer{Room: "c", Name: "5", Voice: 1}); !errors.Is(err, rooms.ErrTooManyRooms) {
		t.Error(err)
	}
	c.Leave(first.Session)
	next := c.Enter("a", "6")
	if next.Session == first.Session {
		t.Error("a session ID given twice")
	}
	c.Enter("b", "7")
	if _, err := c.Join(c.Now, rooms.Newcomer{Room: "b", Name: "8", Voice: 1}); !errors.Is(err, rooms.ErrServerFull) {
		t.Error(err)
	}
}

func TestUpdates(t *testing.T) {
	c := relaytest.New(t, rooms.Config{MaxRooms: 1})
	a := c.Enter("r", "a")
	updates, _ := c.Tick(c.Now)
	if len(updates) != 1 || !updates[0].NewUsers || updates[0].NewEpoch || !slices.Equal(updates[0].Users.Names, []string{"a"}) {
		t.Fatalf("%+v", updates)
	}
	// A crowd comes: one list, when its time has come.
	for i := range 9 {
		c.Enter("r", fmt.Sprint(i))
	}
	updates, next := c.Tick(c.Now)
	if len(updates) != 0 || next != c.Now+10*time.Millisecond {
		t.Fatalf("%d updates, next in %v", len(updates), next-c.Now)
	}
	updates, _ = c.Tick(next)
	if len(updates) != 1 || len(updates[0].Users.Names) != 10 {
		t.Fatalf("%+v", updates)
	}
	// Two leave: the secret changes at once, and then not for a second.
	c.Now = next + time.Second
	c.Leave(a.Session)
	updates, _ = c.Tick(c.Now)
	if len(updates) != 1 || !updates[0].NewEpoch || updates[0].Epoch != 1 || updates[0].Secret == a.Secret {
		t.Fatalf("%+v", updates)
	}
	c.Leave(updates[0].Users.Sessions[0])
	secret := updates[0].Secret
	c.Now += 50 * time.Millisecond
	updates, next = c.Tick(c.Now)
	if len(updates) != 1 || updates[0].NewEpoch || !updates[0].NewUsers {
		t.Fatalf("%+v", updates)
	}
	for n := 0; ; n++ {
		if updates, next = c.Tick(next); len(updates) > 0 {
			break
		}
		if n > 10 {
			t.Fatal("no new epoch")
		}
	}
	if !updates[0].NewEpoch || updates[0].Epoch != 2 || updates[0].Secret == secret {
		t.Fatalf("%+v", updates)
	}
	// A client without voice never had the secret.
	m, _ := c.Join(c.Now, rooms.Newcomer{Room: "r", Name: "legacy", Voice: 0})
	c.Tick(c.Now + 2*time.Second)
	c.Leave(m.Session)
	updates, _ = c.Tick(c.Now + 4*time.Second)
	if len(updates) != 1 || updates[0].NewEpoch {
		t.Fatalf("%+v", updates)
	}
	// The last ones go, and so does the room.
	for _, s := range c.Sessions() {
		c.Leave(s.Session)
	}
	if updates, _ := c.Tick(c.Now + 9*time.Second); len(updates) != 0 {
		t.Errorf("%+v", updates)
	}
	c.Enter("another", "b")
}

// Sessions come and go in a small table, and every one is found under its own
// ID alone.
func TestSessionIDs(t *testing.T) {
	const workers = 3
	c := rooms.NewCore(rooms.Config{MaxSessions: 20, Workers: workers})
	seen := make(map[uint32]bool)
	var in []uint32
	rng := rand.New(rand.NewPCG(3, 3))
	worker := make(map[string]uint32)
	for i := range 2000 {
		if len(in) == 20 || len(in) > 0 && rng.IntN(2) == 0 {
			k := rng.IntN(len(in))
			c.Leave(in[k])
			in = slices.Delete(in, k, k+1)
			continue
		}
		room := fmt.Sprint(rng.IntN(6))
		m, err := c.Join(0, rooms.Newcomer{Room: room, Name: "n", Voice: 1})
		if err != nil {
			t.Fatal(err)
		}
		if seen[m.Session] {
			t.Fatalf("%d given twice", m.Session)
		}
		seen[m.Session] = true
		in = append(in, m.Session)
		if len(m.Users.Names) == 1 {
			worker[room] = m.Session % workers
		} else if worker[room] != m.Session%workers {
			t.Fatalf("step %d: room %s is on two workers", i, room)
		}
	}
	slices.Sort(in)
	for i, s := range c.Sessions() {
		if s.Session != in[i] {
			t.Errorf("session %d is there instead of %d", s.Session, in[i])
		}
	}
}
