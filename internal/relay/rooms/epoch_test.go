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

// Members come and go, and clients take their lists page by page, some of them seldom: whenever one is told of an
// epoch, it knows exactly those whom all others of that epoch know.
func TestEpochIsWhatTheListSays(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	core := rooms.NewCore(rooms.Config{})
	type client struct {
		told    rooms.Told
		members map[uint32]netproto.Member
	}
	clients := make([]client, 8)
	secrets := map[uint32]netproto.RoomSecret{}
	agreed := 0
	take := func(c *client, p netproto.SendNewUsers) {
		if p.Left == nil {
			c.members = map[uint32]netproto.Member{}
		}
		for _, s := range p.Left {
			delete(c.members, s)
		}
		for i, s := range p.Sessions {
			c.members[s] = netproto.Member{Session: s, Name: p.Users[i], Fresh: p.Fresh[i]}
		}
		if p.MediaKey == nil {
			return
		}
		e := netproto.Epoch{Room: "r", Number: p.Epoch, MediaKey: p.MediaKey, Members: slices.Collect(maps.Values(c.members))}
		secret := e.Secret(netproto.PassphraseKey{})
		if was, ok := secrets[p.Epoch]; ok && was != secret {
			t.Fatalf("epoch %d: two do not know the same", p.Epoch)
		} else if ok {
			agreed++
		}
		secrets[p.Epoch] = secret
	}
	var members []uint32
	roster := rooms.NewRoster(rooms.UserList{})
	now := time.Hour
	for i := range 2000 {
		size := []int{5, 400, 30}[i/250%3]
		for range rng.IntN(3) {
			if rng.IntN(2*size) > len(members) {
				m, err := core.Join(now, rooms.Newcomer{Room: "r", Name: relaytest.Wide(i), Voice: 1, Fresh: fresh(rng)})
				if err != nil {
					t.Fatal(err)
				}
				members, roster = append(members, m.Session), rooms.NewRoster(m.Users)
			} else if len(members) > 1 {
				k := rng.IntN(len(members))
				core.Leave(members[k])
				members = slices.Delete(members, k, k+1)
			}
		}
		now += time.Duration(rng.IntN(2500)) * time.Millisecond
		updates, _ := core.Tick(now)
		for _, u := range updates {
			roster = rooms.NewRoster(u.Users)
		}
		for n := range clients {
			c := &clients[n]
			if rng.IntN(1<<n) != 0 {
				continue
			}
			if rng.IntN(30) == 0 {
				*c = client{} // another one, who is new
			}
			for range 1 + rng.IntN(20) {
				data, then := roster.Next(c.told)
				if len(data) > 0 {
					take(c, parseUsers(t, data))
				}
				if c.told = then; !then.More() {
					break
				}
			}
		}
	}
	if agreed < 500 {
		t.Errorf("only %d times did two know of an epoch", agreed)
	}
}

// After a restart of the relay all come back to a room within seconds. The first eight need not wait for each other's
// epochs; where that goes on, epochs are seldom again.
func TestAllComeBackAtOnce(t *testing.T) {
	core, now := rooms.NewCore(rooms.Config{}), time.Hour
	for i := range 9 {
		came := now
		if _, err := core.Join(now, rooms.Newcomer{Room: "r", Name: relaytest.Wide(i), Voice: 1}); err != nil {
			t.Fatal(err)
		}
		for updates, next := core.Tick(now); len(updates) == 0; updates, next = core.Tick(now) {
			now = next
		}
		if late := now - came; late > 200*time.Millisecond != (i == 8) {
			t.Errorf("who comes as number %d is heard after %v", i+1, late)
		}
		now += 100 * time.Millisecond
	}
}

func fresh(rng *rand.Rand) []byte {
	b := make([]byte, netproto.SignedFreshSize)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}
