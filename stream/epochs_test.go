package stream

import (
	"testing"
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

// forger is a former member: it knows the secret of an epoch, and the relay sends what it likes.
type forger struct{ sealer *netproto.Sealer }

func newForger(epoch uint32, secret netproto.RoomSecret) *forger {
	return &forger{netproto.NewSealer(netproto.VoiceKey(secret, session, epoch))}
}

func (f *forger) says(t testing.TB, epoch uint8, seq uint32) []byte {
	t.Helper()
	body, err := netproto.AppendFrames(nil, seq, []netproto.Frame{{Number: seq, Data: []byte("forged")}})
	if err != nil {
		t.Fatal(err)
	}
	d := f.sealer.Seal(nil, netproto.Header{Type: netproto.TypeVoice, Epoch: epoch, Session: session, Seq: seq}, body)
	return netproto.AppendHop(d, netproto.Hop{Count: uint8(seq % netproto.HopCounts)})
}

// Who has left can inject until its epoch has expired, in the name of somebody who is silent; of somebody who talks, until
// that is heard in the next epoch.
func TestFormerMember(t *testing.T) {
	const left = 10 * time.Second
	next := netproto.RoomSecret{7}
	for _, tt := range []struct {
		name  string
		talks bool
		until time.Duration // it is heard, after it has left
	}{
		{"somebody silent", false, netproto.EpochExpiry},
		{"somebody who talks", true, netproto.EpochGraceLeft},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, r := newPacketizer(t, Config{}), newReceiver(ReceiverConfig{})
			former := newForger(1, secret)
			var last time.Duration
			for i := range 1500 {
				now := at(i)
				if now == left {
					p.SetSecret(2, next, netproto.EpochGraceLeft)
					r.SetSecret(now, 2, next)
				}
				if d := say(t, p, speech(i)); tt.talks || i < 400 {
					if err := r.Handle(now, d); err != nil && now < left {
						t.Fatalf("%v: %v", now, err)
					}
				}
				if now >= left && r.Handle(now, former.says(t, 1, uint32(i+60))) == nil {
					last = now
				}
			}
			if over := last - left; over > tt.until || over < tt.until-time.Second {
				t.Errorf("heard for %v after it has left, want %v", over, tt.until)
			}
		})
	}
}

// Far numbers, by which who has left fills the window, silence nobody beyond the epoch, and are bounded by the time that
// has passed.
func TestFarNumbers(t *testing.T) {
	p, r := newPacketizer(t, Config{}), newReceiver(ReceiverConfig{})
	former := newForger(1, secret)
	for i := range 100 {
		if err := r.Handle(at(i), say(t, p, speech(i))); err != nil {
			t.Fatal(err)
		}
	}
	p.SetSecret(2, netproto.RoomSecret{7}, netproto.EpochGraceLeft)
	r.SetSecret(at(100), 2, netproto.RoomSecret{7})
	accepted := uint32(0)
	for seq := uint64(101); seq < 1<<32; seq += 1 + seq/500 {
		if r.Handle(at(100), former.says(t, 1, uint32(seq))) == nil {
			accepted = uint32(seq)
		}
	}
	if accepted > 101+slackFrames {
		t.Errorf("number %d is accepted after number 100", accepted)
	}
	lost := 0
	for i := 100; i < 1000; i++ {
		if err := r.Handle(at(i), say(t, p, speech(i))); err != nil {
			if lost++; i >= 100+250 {
				t.Fatalf("datagram %d in the next epoch: %v", i, err)
			}
		}
	}
	if lost > slackFrames+1 {
		t.Errorf("%d are lost", lost)
	}
}

// In an epoch in which the talker said nothing its numbers are bounded by those of the epochs before.
func TestFarNumbersAfterSilence(t *testing.T) {
	p, r := newPacketizer(t, Config{}), newReceiver(ReceiverConfig{})
	if err := r.Handle(0, say(t, p, speech(0))); err != nil {
		t.Fatal(err)
	}
	r.SetSecret(time.Second, 2, netproto.RoomSecret{7})
	r.SetSecret(2*time.Second, 3, netproto.RoomSecret{8})
	former := newForger(2, netproto.RoomSecret{7})
	if err := r.Handle(2*time.Second, former.says(t, 2, 1<<31)); err == nil {
		t.Error("a number far ahead is accepted")
	}
	if err := r.Handle(2*time.Second, former.says(t, 2, 2)); err != nil {
		t.Error(err)
	}
}

// Who was suspended hears a talker whose numbers have gone on, and so it does after hours of silence.
func TestNumbersAfterAPause(t *testing.T) {
	p, r := newPacketizer(t, Config{}), newReceiver(ReceiverConfig{})
	for i := range 50 {
		for range 10_000 {
			_, _ = p.Frame(Frame{Level: Silent})
		}
		for n := range 3 { // by a clock that has stood still
			if err := r.Handle(at(3*i+n), say(t, p, speech(i))); err != nil {
				t.Fatalf("pause %d: %v", i, err)
			}
		}
	}
}

// A receiver takes no epoch that is not newer than all before.
func TestEpochsOnlyRise(t *testing.T) {
	p, r := newPacketizer(t, Config{}), newReceiver(ReceiverConfig{})
	for _, epoch := range []uint32{1, 0, 1} {
		r.SetSecret(0, epoch, netproto.RoomSecret{99})
		p.SetSecret(epoch, netproto.RoomSecret{99}, 0)
	}
	if err := r.Handle(0, say(t, p, speech(0))); err != nil || p.Epoch() != 1 {
		t.Errorf("%v, epoch %d", err, p.Epoch())
	}
}

// An epoch that everybody has need not wait, nor do those before it.
func TestHasten(t *testing.T) {
	p := newPacketizer(t, Config{})
	for epoch := uint32(2); epoch < 5; epoch++ {
		say(t, p, speech(0))
		p.SetSecret(epoch, netproto.RoomSecret{byte(epoch)}, netproto.EpochGrace)
	}
	for _, tt := range []struct{ hasten, want uint32 }{{7, 1}, {3, 3}, {2, 3}, {4, 4}} {
		p.Hasten(tt.hasten, 0)
		if say(t, p, speech(1)); p.Epoch() != tt.want {
			t.Errorf("epoch %d after that of %d was hastened", p.Epoch(), tt.hasten)
		}
	}
}
