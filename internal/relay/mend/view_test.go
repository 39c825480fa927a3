package mend

import (
	"testing"
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

// What is left out for a listener's cap is no gap to it, and what it concealed for that is not the path's doing.
func TestLeftOutIsNotLost(t *testing.T) {
	v := &view{}
	for room := range uint8(100) {
		if room%3 == 0 {
			v.omit(room)
			continue
		}
		if was := v.sent(room); v.inRoom(was) != room || room > 2 && was != (v.own.last)%netproto.HopCounts {
			t.Fatalf("%d of the room is %d, which is %d of the room", room, was, v.inRoom(was))
		}
		if c, ok := v.count(room); !ok || c != v.own.last {
			t.Fatalf("%d of the room: %d, %v", room, c, ok)
		}
		if _, ok := v.count(room - room%3); ok && room > 3 {
			t.Fatalf("%d was left out", room-room%3)
		}
	}
	if first, last := v.inRoom(0), v.own.last; first != 1 || last != 65 {
		t.Errorf("66 of 100 sent: from %d to %d", first, last)
	}
	b := netproto.TalkerReport{Session: 1, Received: 66, Played: 100, Concealed: 40}
	if v.take(time.Second, &b, 1); v.lost != 0 || v.received != 66 || v.concealed != 6 || v.omitted != 0 {
		t.Errorf("%+v", v)
	}
}

func TestReportsWrap(t *testing.T) {
	v := &view{}
	b := netproto.TalkerReport{Session: 1, Received: 65500, Lost: 65530}
	v.take(time.Second, &b, 1)
	if v.known {
		t.Error("the first block of a long call says nothing")
	}
	b.Received, b.Lost = b.Received+90, b.Lost+10
	v.take(2*time.Second, &b, 1)
	if v.received != 90 || v.lost != 10 {
		t.Errorf("%v received, %v lost", v.received, v.lost)
	}
}
