package mend

import (
	"testing"
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

// Of two who are about as loud, one stays first, though the level of speech goes up and down by more than they differ;
// but not when it is much less loud or does not speak.
func TestLoudestStays(t *testing.T) {
	room := new(Room)
	members := make([]Member, 2)
	for i := range members {
		members[i].ID = uint32(i + 1)
		members[i].Enter(room)
	}
	now, seq := time.Hour, uint32(0)
	talk := func(d time.Duration, louder [2]uint8, voice [2]bool) (first *Member, changes int) {
		first = &members[0]
		for end := now + d; now < end; now += netproto.FrameDuration {
			seq++
			for i := range members {
				h := netproto.Header{Session: members[i].ID, Seq: seq, Voice: voice[i], Level: 60 + uint8(seq*7+uint32(i)*10)%20 - louder[i]}
				members[i].Arrived(now, h, netproto.Hop{Count: uint8(seq % netproto.HopCounts)}, 100)
				members[i].Keep(now, make([]byte, 60))
			}
			if room.sort(now); room.order[0] != first {
				first, changes = room.order[0], changes+1
			}
		}
		return first, changes
	}
	if _, changes := talk(20*time.Second, [2]uint8{}, [2]bool{true, true}); changes > 1 {
		t.Errorf("%d changes in 20 s", changes)
	}
	if first, _ := talk(3*time.Second, [2]uint8{0, 30}, [2]bool{true, true}); first != &members[1] {
		t.Error("who is 30 dB louder is not first")
	}
	if first, _ := talk(3*time.Second, [2]uint8{0, 0}, [2]bool{true, false}); first != &members[0] {
		t.Error("who does not speak is first")
	}
	talk(time.Second, [2]uint8{0, 30}, [2]bool{false, true})
	if first, _ := talk(600*time.Millisecond, [2]uint8{}, [2]bool{true, false}); first != &members[0] {
		t.Error("who does not speak is first 0.6 s later")
	}
	talk(5*time.Second, [2]uint8{0, 50}, [2]bool{true, true})
	if first, _ := talk(4*time.Second, [2]uint8{20, 0}, [2]bool{true, true}); first != &members[0] {
		t.Error("who was loud once is still first")
	}
}

// Nobody drowns the others for a listener with a cap by sending more than that; but alone is heard in part.
func TestNobodyDrownsTheOthers(t *testing.T) {
	room := new(Room)
	members := make([]Member, 3)
	for i := range members {
		members[i].ID = uint32(i + 1)
		members[i].Enter(room)
		members[i].Overhead.Store(28)
	}
	loud, other, listener := &members[0], &members[1], &members[2]
	listener.BeginCapped(64)
	m := New(new(Counters))
	now, seq := time.Hour, uint32(0)
	talk := func(d time.Duration, talkers ...*Member) {
		for end := now + d; now < end; now += netproto.FrameDuration {
			seq++
			for _, s := range talkers {
				size := 100
				if s == loud {
					size = 400
				}
				s.Arrived(now, netproto.Header{Session: s.ID, Seq: seq, Voice: true, Level: uint8(50 - size/10)}, netproto.Hop{Count: uint8(seq % netproto.HopCounts)}, size)
				s.Keep(now, make([]byte, 60))
			}
			m.Attend(now, room, len(members))
			m.Batch.Reset()
		}
	}
	if talk(3*time.Second, loud, other); room.hears(listener, loud.ID) || !room.hears(listener, other.ID) {
		t.Errorf("who sends more than the cap is heard: %v, the other: %v", room.hears(listener, loud.ID), room.hears(listener, other.ID))
	}
	if talk(3*time.Second, loud); !room.hears(listener, loud.ID) {
		t.Error("who talks alone is not heard")
	}
}

// Memory is given back in silence, and when somebody leaves.
func TestGivenBack(t *testing.T) {
	room := new(Room)
	members := make([]Member, 3)
	for i := range members {
		members[i].ID = uint32(i + 1)
		members[i].Enter(room)
		members[i].Overhead.Store(28)
	}
	talker, listener, gone := &members[0], &members[1], &members[2]
	m := New(new(Counters))
	now := time.Hour
	attend := func(d time.Duration) (ok bool) {
		for end := now + d; now < end; now += 100 * time.Millisecond {
			_, ok = m.Attend(now, room, len(members))
			m.Batch.Reset()
		}
		return ok
	}
	report, _ := netproto.AppendReport(nil, &netproto.Report{RTT: 40, Talkers: []netproto.TalkerReport{{Session: talker.ID, Receipt: netproto.Receipt{Seq: 100, Count: 100, Reach: 1}}}})
	for seq := range uint32(100) {
		talker.Arrived(now, netproto.Header{Session: talker.ID, Seq: seq + 1, Voice: true}, netproto.Hop{Count: uint8(seq+1) % netproto.HopCounts}, 100)
		talker.Keep(now, make([]byte, 60))
		now += netproto.FrameDuration
	}
	for _, l := range []*Member{listener, gone} {
		if _, err := m.Report(now, l, report); err != nil {
			t.Fatal(err)
		}
	}
	attend(time.Second)
	if talker.uplink == nil || talker.uplink.cache == nil || listener.downlink == nil || gone.downlink == nil {
		t.Fatal("nothing is remembered")
	}
	gone.Gone.Store(true)
	attend(2 * time.Second)
	if gone.downlink != nil || listener.downlink == nil {
		t.Error("the downlink of one who has left stays, or that of one who is there does not")
	}
	if attend(9 * time.Second); talker.uplink == nil || talker.uplink.cache != nil || listener.downlink == nil {
		t.Error("the cache stays, or the way up or down does not")
	}
	if attend(20*time.Second) || talker.uplink != nil || listener.downlink != nil {
		t.Error("something is still to be attended")
	}
	if talker.count != 100 {
		t.Errorf("%d datagrams were counted, want 100", talker.count)
	}
}

// Of who listens in a tunnel a talker is told that all has come: what is late there is not lost, and the path is known.
func TestTunnelsLoseNothing(t *testing.T) {
	room, m := new(Room), New(new(Counters))
	members := make([]Member, 2)
	for i := range members {
		members[i].ID = uint32(i + 1)
		members[i].Overhead.Store(28)
		members[i].Enter(room)
	}
	talker, listener := &members[0], &members[1]
	talker.Arrived(time.Hour, netproto.Header{Session: 1, Seq: 1, Voice: true}, netproto.Hop{Count: 1}, 100)
	d := listener.down()
	d.heard = time.Hour
	v := d.viewOf(time.Hour, 1)
	v.since = netproto.Outcome{Received: 40, Lost: 10, Runs: 2}
	v.loss.Add(time.Hour, 1, v.since)
	for _, tt := range []struct {
		tunnelled bool
		want      netproto.Outcome
	}{{false, netproto.Outcome{Received: 40, Lost: 10, Runs: 2}}, {true, netproto.Outcome{Received: 50}}} {
		listener.Tunnelled.Store(tt.tunnelled)
		if m.judge(time.Hour, talker); talker.uplink.fare.told.Median != tt.want {
			t.Errorf("in a tunnel %v: told of %+v", tt.tunnelled, talker.uplink.fare.told.Median)
		}
	}
}
