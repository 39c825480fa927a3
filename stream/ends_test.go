package stream

import (
	"testing"
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

func endOf(t *testing.T, seq uint32) []byte {
	t.Helper()
	body, err := netproto.AppendEnds(nil, []netproto.End{{Session: session + 1, Seq: 7}, {Session: session, Seq: seq}})
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// The relay says which datagram was the last one for now: if that is missing it is asked for, what comes after it is
// not missed, and its next word comes after a pause.
func TestEnds(t *testing.T) {
	const trip = 40 * time.Millisecond
	var told []uint32
	r := newReceiver(ReceiverConfig{
		Ended: func(_ time.Duration, _, seq uint32) { told = append(told, seq) },
	})
	if err := r.Ends(0, endOf(t, 3)); err != nil || len(told) != 0 {
		t.Error("told of somebody who has said nothing", err)
	}
	p := newPacketizer(t, Config{Stride: 1})
	var last []byte
	for n := range 100 {
		d := say(t, p, speech(n))
		if n == 99 {
			last = d
			break
		}
		if err := r.Handle(at(n)+trip, d); err != nil {
			t.Fatal(err)
		}
	}
	now := at(100) + trip
	for _, seq := range []uint32{100 + 65, 1<<32 - 1} { // makes no sense
		if err := r.Ends(now, endOf(t, seq)); err != nil || len(told) != 0 {
			t.Errorf("told %v, %v", told, err)
		}
	}
	for range 2 {
		if err := r.Ends(now, endOf(t, 100)); err != nil {
			t.Fatal(err)
		}
	}
	if len(told) != 1 || told[0] != 100 {
		t.Errorf("told %v", told)
	}
	asked := 0
	for end := now + time.Second; now < end; now += time.Millisecond {
		nack, _ := r.Poll(now)
		if nack == nil {
			continue
		}
		blocks, err := netproto.ParseNack(nil, nack)
		_, hop, _ := netproto.SplitHop(last)
		if err != nil || len(blocks) != 1 || blocks[0].Base != hop.Count || blocks[0].Mask != 0 {
			t.Fatalf("asks for %+v, %v", blocks, err)
		}
		if asked++; asked > 1 {
			continue
		}
		netproto.SetHop(last, netproto.Hop{Count: hop.Count, Again: true})
		if err := r.Handle(now, last); err != nil {
			t.Fatal(err)
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
	for n := 100; n < 120; n++ { // not forwarded, and so not counted
		p.Frame(speech(n))
	}
	d := say(t, p, speech(120))
	_, hop, _ := netproto.SplitHop(last)
	netproto.SetHop(d, netproto.Hop{Count: (hop.Count + 1) % netproto.HopCounts})
	if err := r.Handle(at(120)+trip, d); err != nil {
		t.Fatal(err)
	}
	if nack, _ := r.Poll(at(120) + trip + 100*time.Millisecond); nack != nil {
		t.Error("asks for what was not sent")
	}
	if err := r.Ends(now, []byte{1, 2}); err == nil {
		t.Error("no error")
	}
}
