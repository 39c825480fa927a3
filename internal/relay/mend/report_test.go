package mend

import (
	"testing"
	"time"

	"github.com/tincan-voice/tincan/internal/repair"
	"github.com/tincan-voice/tincan/netproto"
)

// said is datagram seq of a talker.
func said(seq uint32) []byte {
	d := netproto.NewSealer([16]byte{1}).Seal(nil, netproto.Header{Type: netproto.TypeVoice, Session: 1, Seq: seq}, []byte("x"))
	return append(d, 0)
}

// What is left out for a listener's cap is no gap to it, and no loss to the talker.
func TestLeftOutIsNotLost(t *testing.T) {
	v, u, asker := &view{}, &uplink{}, repair.Asker{}
	for seq := uint32(1); seq <= 100; seq++ {
		d := said(seq)
		netproto.SetHop(d, netproto.Hop{Count: u.sent.Add(seq)})
		if v.exception(u, seq); seq%3 == 0 {
			continue
		}
		count := v.own.Add(seq)
		if v.own.Seq(count) != seq {
			t.Fatalf("%d has count %d, which is of %d", seq, count, v.own.Seq(count))
		}
		if c, ok := v.count(d); !ok || c != count {
			t.Fatalf("%d: count %d, %v", seq, c, ok)
		}
		if _, ok := v.count(said(seq - seq%3)); ok && seq > 3 {
			t.Fatalf("%d was left out", seq-seq%3)
		}
		asker.Arrived(time.Duration(seq)*netproto.FrameDuration, repair.Datagram{Seq: seq, Count: count, Speech: true})
	}
	b := netproto.TalkerReport{Session: 1, Receipt: *asker.Receipt()}
	if v.take(time.Second, &b, u); v.since != (netproto.Outcome{Received: 67}) {
		t.Errorf("%+v", v.since)
	}
}

// A talker is told of each datagram once, however often it is told.
func TestToldOnce(t *testing.T) {
	v, u, asker := &view{}, &uplink{}, repair.Asker{}
	for seq := uint32(1); seq <= 100; seq++ {
		asker.Arrived(time.Duration(seq)*netproto.FrameDuration, repair.Datagram{Seq: seq, Count: u.sent.Add(seq), Speech: true})
		if seq%50 != 0 {
			continue
		}
		v.take(time.Duration(seq), &netproto.TalkerReport{Session: 1, Receipt: *asker.Receipt()}, u)
		if v.since.Received != 50 {
			t.Errorf("up to %d: %+v", seq, v.since)
		}
		v.since = netproto.Outcome{}
	}
}
