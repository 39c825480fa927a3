package rooms_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/relaytest"
	"github.com/tincan-voice/tincan/internal/relay/rooms"
	"github.com/tincan-voice/tincan/netproto"
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
	var last netproto.SendNewUsers
	// begins wants an epoch with so many members in so long, and none before.
	begins := func(in time.Duration, members int) {
		t.Helper()
		began := c.Now
		for {
			updates, next := c.Tick(c.Now)
			if len(updates) > 0 {
				p := updates[0].Users.Package()
				if len(updates) > 1 || len(p.Users) != members || p.Epoch != last.Epoch+1 || bytes.Equal(p.MediaKey, last.MediaKey) {
					t.Fatalf("%+v, after epoch %d", updates, last.Epoch)
				}
				last = p
				break
			}
			if c.Now = next; c.Now-began > time.Minute {
				t.Fatal("no epoch")
			}
		}
		if took := c.Now - began; took != in {
			t.Fatalf("after %v, want %v", took, in)
		}
	}
	a := c.Enter("r", "a")
	if p := a.Users.Package(); p.MediaKey != nil || len(p.Users) != 1 {
		t.Errorf("an epoch that none has begun: %+v", p)
	}
	begins(0, 1)
	// A crowd comes: one list, when its time has come.
	for i := range 9 {
		c.Enter("r", fmt.Sprint(i))
	}
	begins(200*time.Millisecond, 10)
	// It goes on, and takes longer once it is no new room.
	for i, pause := range []time.Duration{200, 200, 200, 200, 200, 200, 4000, 4000} {
		c.Enter("r", fmt.Sprint("more ", i))
		c.Leave(last.Sessions[0])
		begins(pause*time.Millisecond, 10)
	}
	// Who leaves can wait.
	for i := range 4 {
		c.Leave(last.Sessions[0])
		begins(4*time.Second, 9-i)
	}
	// After a calm the first is told at once.
	c.Now += time.Minute
	c.Leave(last.Sessions[0])
	begins(0, 5)
	c.Enter("r", "b")
	begins(200*time.Millisecond, 6)
	// Clients without voice are members too.
	m, _ := c.Join(c.Now, rooms.Newcomer{Room: "r", Name: "legacy", Voice: 0})
	begins(200*time.Millisecond, 7)
	if p := last.Fresh[6]; p != nil || last.Fresh[5] == nil {
		t.Errorf("fresh: %x", last.Fresh)
	}
	c.Leave(m.Session)
	begins(4*time.Second, 6)
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
