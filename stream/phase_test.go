package stream

import (
	"testing"

	"github.com/tincan-voice/tincan/netproto/wire"
)

// A talker that is asked to send later does, once and in a pause; and its frames come half a frame after or before their
// numbers' time at most.
func TestPhaseMoves(t *testing.T) {
	for wish := 1; wish < wire.FrameSamples; wish += 7 {
		p := newPacketizer(t, Config{Copies: []int{2}})
		say(t, p, speech(1))
		p.Steer(p.LastSeq(), uint16(wish))
		now := int(p.LastSeq()) * wire.FrameSamples
		for n := range 20 { // the last word, and its copy
			drop, ahead := p.Move()
			if settled := n > 2; drop > 0 && !settled || n == 19 && p.phase.wish > 0 {
				t.Fatalf("frame %d: leaves out %d samples", n, drop)
			}
			now += drop + wire.FrameSamples
			for range 1 + ahead {
				say(t, p, Frame{Level: Silent})
			}
		}
		if now%wire.FrameSamples != wish {
			t.Errorf("%d samples later, want %d", now%wire.FrameSamples, wish)
		}
		if late := now - int(p.LastSeq())*wire.FrameSamples; max(late, -late) > wire.FrameSamples/2 {
			t.Errorf("%d samples: frames are %d samples later", wish, late)
		}
	}
}

// What the relay says of a time in which the talker has moved does not count, nor what is older.
func TestPhaseOfBefore(t *testing.T) {
	var p Phase
	moves := func(last uint32) bool {
		drop, _ := p.Move(last)
		return drop > 0
	}
	p.Told(10, 100)
	if !moves(15) || moves(16) {
		t.Fatal("moves once as it is told")
	}
	p.Told(12, 100) // was under way
	p.Told(15, 100)
	if moves(20) {
		t.Error("moves as it was told before the last move")
	}
	p.Told(40, 100) // of both times
	if moves(50) {
		t.Error("moves as it is told of the time in which it moved")
	}
	p.Told(90, 50)
	p.Told(140, 0)
	if moves(150) {
		t.Error("moves though it is well now")
	}
	p.Told(190, 50)
	if !moves(200) {
		t.Error("does not move again")
	}
	p.Told(250, 0)
	p.Told(300, 960)
	if moves(310) {
		t.Error("moves by a frame")
	}
}
