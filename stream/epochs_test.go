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
				if now >= left && r.Handle(now, former.says(t, 1, uint32(i+200))) == nil {
					last = now
				}
			}
			if over := last - left; over > tt.until || over < tt.until-time.Second {
				t.Errorf("heard for %v after it has left, want %v", over, tt.until)
			}
		})
	}
}

// Far numbers, which fill the window, silence nobody beyond the epoch, and are bounded by the time that has passed.
func TestFarNumbers(t *testing.T) {
	p, r := newPacketizer(t, Config{}), newReceiver(ReceiverConfig{})
	former := newForger(1, secret)
	if err := r.Handle(0, say(t, p, speech(0))); err != nil {
		t.Fatal(err)
	}
	accepted := uint32(0)
	for seq := uint64(2); seq < 1<<32; seq += 1 + seq/200 {
		if r.Handle(0, former.says(t, 1, uint32(seq))) == nil {
			accepted = uint32(seq)
		}
	}
	if accepted > 1+slackFrames {
		t.Errorf("number %d is accepted after number 1", accepted)
	}
	// What was accepted is over when these numbers are.
	lost := 0
	for i := 1; i < 1000; i++ {
		if r.Handle(at(i), say(t, p, speech(i))) != nil {
			lost++
		}
	}
	if lost > slackFrames {
		t.Errorf("%d of 999 are lost", lost)
	}
	// Another epoch is another window.
	p.SetSecret(2, netproto.RoomSecret{7}, 0)
	r.SetSecret(at(1000), 2, netproto.RoomSecret{7})
	for seq := uint32(1001); seq < 1600; seq++ {
		_ = r.Handle(at(1000), former.says(t, 1, seq))
	}
	for i := 1000; i < 1100; i++ {
		if err := r.Handle(at(i), say(t, p, speech(i))); err != nil {
			t.Fatalf("datagram %d: %v", i, err)
		}
	}
}

// A talker's clock may be a little faster than ours, and a talkspurt may come hours after the last one.
func TestNumbersOfDays(t *testing.T) {
	p, r := newPacketizer(t, Config{}), newReceiver(ReceiverConfig{})
	for i := range 3 * 24 * 50 * 60 * 60 / 1000 {
		for range 999 {
			_, _ = p.Frame(Frame{Level: Silent})
		}
		now := time.Duration(float64(at(1000*i)) * (1 - 0.001)) // 0.1 %
		if err := r.Handle(now, say(t, p, speech(i))); err != nil {
			t.Fatalf("after %v: %v", now, err)
		}
		_ = say(t, p, Frame{Level: Silent})
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
