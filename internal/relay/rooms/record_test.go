package rooms_test

import (
	"math"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/rooms"
	"github.com/tincan-voice/tincan/netproto"
)

// In two rooms somebody says that they record, and leaves those behind who have no voice: there is nobody to tell.
func TestRecordersLeave(t *testing.T) {
	core := rooms.NewCore(rooms.Config{})
	now := time.Hour
	for _, room := range []string{"a", "b"} {
		for voice := range 2 {
			m, err := core.Join(now, rooms.Newcomer{Room: room, Name: "x", Voice: voice})
			if err != nil {
				t.Fatal(err)
			}
			if voice > 0 {
				core.Record(m.Session, true)
				core.Leave(m.Session)
			}
		}
	}
	if told, _ := core.TickRecorders(now); len(told) > 0 {
		t.Errorf("%v", told)
	}
}

// However many record a room, and whatever keys they send, a package holds what somebody is told.
func TestManyRecorders(t *testing.T) {
	const members = 6000
	core := rooms.NewCore(rooms.Config{MaxRoomSize: members, MaxSessions: members})
	now := time.Hour
	join := func() rooms.Membership {
		m, err := core.Join(now, rooms.Newcomer{Room: "a", Name: "x", Voice: 1})
		if err != nil {
			t.Fatal(err)
		}
		core.Record(m.Session, true)
		return m
	}
	for range members - 1 {
		join()
	}
	last := join()
	told, _ := core.TickRecorders(now)
	if len(told) != 1 || len(told[0].To) != members || len(last.Recorders) == 0 {
		t.Fatalf("%d are told of %d", len(told[0].To), len(last.Recorders))
	}
	p := netproto.Session{Recorders: told[0].Sessions, Keys: make([]netproto.Wrapping, netproto.MaxPackage/64)}
	for i := range p.Recorders {
		p.Recorders[i] = math.MaxUint32
	}
	if _, err := netproto.AppendPackage(nil, p); err != nil {
		t.Error(err)
	}
}
