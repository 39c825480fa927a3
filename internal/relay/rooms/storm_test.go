package rooms_test

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/relaytest"
	"github.com/tincan-voice/tincan/internal/relay/rooms"
)

// One address has people with wide names come and go as fast as it may: what the lists of that take of each member's
// line down is bounded: changes within an epoch go together.
func TestListsInAStorm(t *testing.T) {
	const (
		perSecond = 20            // relay: namedShare times NamelessRate
		there     = 64            // relay: MaxConnsPerAddr
		bound     = 64 * 1000 / 8 // bytes per second, in the long run
		lasts     = 60 * time.Second
	)
	rng := rand.New(rand.NewPCG(5, 5))
	core := rooms.NewCore(rooms.Config{})
	now := time.Hour
	join := func(name string) uint32 {
		m, err := core.Join(now, rooms.Newcomer{Room: "r", Name: name, Voice: 1, Fresh: fresh(rng)})
		if err != nil {
			t.Fatal(err)
		}
		return m.Session
	}
	for range 10 {
		join("somebody")
	}
	var told rooms.Told
	var liars []uint32
	sent, lists := 0, 0
	next := now
	for i := 0; now < time.Hour+lasts; i++ {
		now += time.Second / perSecond
		liars = append(liars, join(relaytest.Wide(i)))
		if len(liars) > there {
			core.Leave(liars[0])
			liars = liars[1:]
		}
		if now < next {
			continue
		}
		var updates []rooms.Update
		for updates, next = core.Tick(now); len(updates) > 0; updates = updates[1:] {
			r := rooms.NewRoster(updates[0].Users)
			for more := true; more; lists++ {
				var data []byte
				data, told = r.Next(told)
				sent, more = sent+len(data), told.More()
			}
		}
	}
	perSec := sent / int(lasts/time.Second)
	t.Logf("%d lists, %d bytes: %.0f kbit/s", lists, sent, float64(perSec)*8/1000)
	if perSec > bound || lists < 10 {
		t.Errorf("%d bytes per second in %d lists, want at most %d", perSec, lists, bound)
	}
}

// Rooms cannot be used up before sessions are, of which an address has a share.
func TestRoomsCannotBeUsedUp(t *testing.T) {
	core := rooms.NewCore(rooms.Config{MaxSessions: 20})
	for i := range 20 {
		if _, err := core.Join(time.Hour, rooms.Newcomer{Room: relaytest.Wide(i), Name: "a", Voice: 1}); err != nil {
			t.Fatalf("room %d: %v", i, err)
		}
	}
	if _, err := core.Join(time.Hour, rooms.Newcomer{Room: "another", Name: "a"}); !errors.Is(err, rooms.ErrServerFull) {
		t.Error(err)
	}
}
