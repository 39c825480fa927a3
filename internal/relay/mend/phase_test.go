package mend

import (
	"testing"
	"time"

	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/netproto/wire"
)

// arrivals is the rhythm of so many datagrams that come after at and before it by turns, by so much.
func arrivals(n int, at, apart time.Duration) (y rhythm) {
	for i := range n {
		y.arrived(time.Duration(i+1)*wire.FrameDuration + at + apart)
		apart = -apart
	}
	return y
}

// A phase is told of eight datagrams or more that would often meet others.
func TestWhoHasARhythm(t *testing.T) {
	for _, tt := range []struct {
		n         int
		at, apart time.Duration
		ok        bool
	}{
		{7, 5 * time.Millisecond, 0, false},
		{8, 5 * time.Millisecond, 0, true},
		{8, 0, 0, true},
		{100, 19 * time.Millisecond, 2400 * time.Microsecond, true},
		{100, 19 * time.Millisecond, 2700 * time.Microsecond, false},
		{100, time.Millisecond, 5 * time.Millisecond, false},
	} {
		y := arrivals(tt.n, tt.at, tt.apart)
		at, ok := y.mean()
		if off := (at - tt.at + wire.FrameDuration/2 + wire.FrameDuration) % wire.FrameDuration; ok != tt.ok ||
			ok && (off-wire.FrameDuration/2).Abs() > time.Microsecond {
			t.Errorf("%+v: %v, %v", tt, at, ok)
		}
	}
}

// Who talks first gives the beat; the others are told by how much they are before it, if that is more than a
// millisecond, and anew each time.
func TestShiftToTheBeat(t *testing.T) {
	const beat = 5 * time.Millisecond
	for _, tt := range []struct {
		name  string
		at    time.Duration // of the second talker
		apart time.Duration
		lone  bool
		idle  bool
		want  uint16
	}{
		{name: "before the beat", at: beat - 1500*time.Microsecond, want: 72},
		{name: "behind it", at: beat + 1500*time.Microsecond, want: 888},
		{name: "half a frame away", at: beat + 10*time.Millisecond, want: 480},
		{name: "a little before it", at: beat - 1100*time.Microsecond, want: 52},
		{name: "near enough before it", at: beat - 900*time.Microsecond},
		{name: "near enough behind it", at: beat + 900*time.Microsecond},
		{name: "a little behind it", at: beat + 1100*time.Microsecond, want: 907},
		{name: "without a rhythm", at: beat + 10*time.Millisecond, apart: 5 * time.Millisecond},
		{name: "alone", at: beat + 10*time.Millisecond, lone: true},
		{name: "where the relay has little to do", at: beat + 10*time.Millisecond, idle: true},
	} {
		s := newScene(t, 2)
		s.Busy = true
		s.talk(200*time.Millisecond, 100, nil, 0, 1)
		first, second := &s.members[0], &s.members[1]
		first.uplink.rhythm = arrivals(10, beat, 0)
		if got := s.shift(first); got != 0 {
			t.Errorf("%s: who gives the beat is to shift by %d samples", tt.name, got)
		}
		second.uplink.rhythm = arrivals(10, tt.at, tt.apart)
		if tt.lone {
			s.room.order = s.room.order[1:]
		}
		s.Busy = !tt.idle
		if got := s.shift(second); got < tt.want-min(tt.want, 1) || got > tt.want+min(tt.want, 1) {
			t.Errorf("%s: is to shift by %d samples, want %d", tt.name, got, tt.want)
		}
		if got := s.shift(second); got != 0 {
			t.Errorf("%s: is told again, with nothing new: %d samples", tt.name, got)
		}
	}
}

// Silence has no rhythm.
func TestSilenceHasNoRhythm(t *testing.T) {
	s := newScene(t, 2)
	m := &s.members[0]
	for _, h := range []netproto.Header{{Seq: 1, Voice: true}, {Seq: 2, Level: netproto.Silent}, {Seq: 3, Level: netproto.Silent - 1}} {
		s.now += wire.FrameDuration
		m.Arrived(s.now, h, netproto.Hop{Count: uint8(h.Seq)}, 100)
	}
	if n := m.uplink.rhythm.n; n != 2 {
		t.Errorf("the rhythm is that of %d datagrams, want 2", n)
	}
}
