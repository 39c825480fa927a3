package engine

import (
	"fmt"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/rooms"
	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/stream"
)

// Somebody whose TCP is slow, or away, goes on to hear a talker, and to be heard, while others come and go.
func TestEpochsAndSlowTCP(t *testing.T) {
	type churn struct{ join, leave int } // of the visitors, one in so many seconds; 0: none
	for _, tt := range []struct {
		name             string
		churn            churn
		talker, listener time.Duration // how late what the relay says is
		up               time.Duration // how late what the talker says to the relay is
		least            int           // of 1000 datagrams heard
	}{
		{"nobody comes or goes", churn{}, 0, 0, 0, 1000},
		{"somebody leaves every 2 s", churn{leave: 2}, 0, 0, 0, 1000},
		{"and the listener's TCP is slow", churn{leave: 2}, 0, 3 * time.Second, 0, 1000},
		{"and the talker's TCP is slow", churn{leave: 2}, 3 * time.Second, 0, 0, 1000},
		{"somebody leaves every second", churn{leave: 1}, 0, 3 * time.Second, 0, 1000},
		{"and the talker's TCP is slow", churn{leave: 1}, 3 * time.Second, 0, 0, 1000},
		{"somebody comes every 5 s", churn{join: 5}, 0, 500 * time.Millisecond, 0, 1000},
		{"and the talker's TCP is slow", churn{join: 5}, 3 * time.Second, 0, 0, 1000},
		{"and the listener's TCP is slow", churn{join: 5}, 0, 3 * time.Second, 0, 780},
		{"somebody comes and goes every second, and the talker's TCP is slow", churn{join: 1, leave: 1}, 3 * time.Second, 0, 0, 780},
		{"somebody comes and goes every second", churn{join: 1, leave: 1}, 0, 500 * time.Millisecond, 0, 1000},
		{"and the listener's TCP is slow", churn{join: 1, leave: 1}, 0, 3 * time.Second, 0, 580},
		{"somebody leaves every 2 s, and the way up from the talker is slow", churn{leave: 2}, 0, 0, 3 * time.Second, 1000},
		{"somebody comes every 5 s, and it is", churn{join: 5}, 0, 0, 3 * time.Second, 1000},
		{"somebody comes and goes every second, and it is", churn{join: 1, leave: 1}, 0, 0, 3 * time.Second, 1000},
	} {
		t.Run(fmt.Sprint(tt.name, tt.churn, tt.talker, tt.listener, tt.up), func(t *testing.T) {
			core := rooms.NewCore(rooms.Config{})
			now := time.Hour
			enter := func(name string) (rooms.Membership, *attendance) {
				e := (&Config{Room: "r", Name: name}).newEntry()
				m, err := core.Join(now, rooms.Newcomer{Room: "r", Name: name, Voice: netproto.Version, Fresh: e.fresh})
				if err != nil {
					t.Fatal(err)
				}
				a := &attendance{room: "r", own: netproto.Member{Name: name}}
				a.begin(m.Session, e)
				return m, a
			}
			visit := func(i int) uint32 {
				m, _ := enter(fmt.Sprint("visitor ", i))
				return m.Session
			}
			var visitors []uint32
			for i := range 20 {
				visitors = append(visitors, visit(i))
				core.Tick(now)
				now += time.Minute // so it is no new room, and there is calm
			}
			says, ann := enter("Ann")
			hears, bob := enter("Bob")
			p, err := stream.NewPacketizer(stream.Config{Session: says.Session})
			if err != nil {
				t.Fatal(err)
			}
			r := stream.NewReceiver(stream.ReceiverConfig{})
			r.Add(says.Session)
			p.SetTag(says.HopKey.TagKey())
			type word struct {
				at   time.Duration
				list netproto.SendNewUsers
				keys []netproto.Wrapping // instead
			}
			var toAnn, toRelay, toBob []word
			pass := func(from rooms.Membership, keys []netproto.Wrapping) {
				for _, k := range core.Pass(from.Session, keys) {
					switch keys := []netproto.Wrapping{k.Wrapping}; k.To {
					case says.Session:
						toAnn = append(toAnn, word{at: now + tt.talker, keys: keys})
					case hears.Session:
						toBob = append(toBob, word{at: now + tt.listener, keys: keys})
					}
				}
			}
			heard := 0
			for i := range 1000 + 500 {
				if i >= 500 && i%50 == 0 { // until then nothing is late
					if s := i / 50; tt.churn.join > 0 && s%tt.churn.join == 0 {
						visitors = append(visitors, visit(i))
					}
					if s := i / 50; tt.churn.leave > 0 && s%tt.churn.leave == 0 {
						core.Leave(visitors[0])
						visitors = visitors[1:]
					}
				}
				updates, _ := core.Tick(now)
				for _, u := range updates {
					toAnn = append(toAnn, word{at: now + tt.talker, list: u.Users.Package()})
					toBob = append(toBob, word{at: now + tt.listener, list: u.Users.Package()})
				}
				for len(toAnn) > 0 && now >= toAnn[0].at {
					keys := toAnn[0].keys
					if keys == nil {
						ann.take(&toAnn[0].list)
						b, _ := ann.epoch(now, &toAnn[0].list)
						p.SetSecret(b.number, b.seals, b.waits(now, says.Session))
						toRelay = append(toRelay, word{at: now + tt.up, keys: b.keys})
						keys = ann.due()
					}
					for i := range keys {
						ann.unwrap(&keys[i])
						b := ann.of(keys[i].Epoch)
						p.Hasten(b.number, b.waits(now, says.Session))
					}
					toAnn = toAnn[1:]
				}
				for ; len(toRelay) > 0 && now >= toRelay[0].at; toRelay = toRelay[1:] {
					pass(says, toRelay[0].keys)
				}
				for len(toBob) > 0 && now >= toBob[0].at {
					keys := toBob[0].keys
					if keys == nil {
						bob.take(&toBob[0].list)
						b, _ := bob.epoch(now, &toBob[0].list)
						r.SetEpoch(now, b.number)
						pass(hears, b.keys)
						keys = bob.due()
					}
					for i := range keys {
						if secret, ok := bob.unwrap(&keys[i]); ok {
							r.SetTalkerSecret(now, keys[i].Session, keys[i].Epoch, secret)
						}
					}
					toBob = toBob[1:]
				}
				d, err := p.Frame(stream.Frame{Data: murmur, Level: 20, Voice: true})
				if err != nil {
					t.Fatal(err)
				}
				if i >= 500 && d != nil && r.Handle(now, d[:len(d)-netproto.HopTagSize]) == nil {
					heard++
				}
				now += netproto.FrameDuration
			}
			t.Logf("%d of 1000 heard", heard)
			if heard < tt.least {
				t.Errorf("want %d at least", tt.least)
			}
		})
	}
}
