package stream

import (
	"testing"
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

// What comes before the key that opens it is heard when that comes, if it is not too late; and without the key nothing is.
func TestBeforeTheKey(t *testing.T) {
	own := secret.With(netproto.SenderKey{1})
	for _, tt := range []struct {
		name    string
		came    int // datagrams before the key
		wait    time.Duration
		heard   int
		dropped uint64
	}{
		{"none", 0, 0, 0, 0},
		{"a few", 5, 0, 5, 0},
		{"too many", 20, 0, 16, 4},
		{"too late", 5, mostAhead, 0, 5},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := NewPacketizer(Config{Session: session})
			if err != nil {
				t.Fatal(err)
			}
			p.SetTag(hop.TagKey())
			p.SetSecret(3, own, 0)
			var heard []uint32
			r := NewReceiver(ReceiverConfig{Take: func(_ time.Duration, a *Arrival) error {
				heard = append(heard, a.Header.Seq)
				return nil
			}})
			r.Add(session)
			r.SetEpoch(0, 3)
			r.SetTalkerSecret(0, session, 2, secret) // of another epoch
			r.SetTalkerSecret(0, 99, 3, secret)      // of nobody
			for i := range tt.came {
				if err := r.Handle(at(i), say(t, p, speech(i))); err != DropEpoch {
					t.Fatalf("%d: %v", i, err)
				}
			}
			now := at(tt.came) + tt.wait
			r.SetTalkerSecret(now, session, 3, own)
			r.SetTalkerSecret(now, session, 3, secret) // another one for the same
			drops := r.Drops()
			if len(heard) != tt.heard || drops[DropEpoch] != tt.dropped || tt.heard > 0 && heard[0] != uint32(1+tt.came-tt.heard) {
				t.Errorf("heard %v, %d dropped; want %d, %d", heard, drops[DropEpoch], tt.heard, tt.dropped)
			}
			if err := r.Handle(now, say(t, p, speech(tt.came))); err != nil {
				t.Error(err)
			}
		})
	}
}

// Where each talker has a secret of its own, the room's opens nothing.
func TestRoomSecretIsNotEnough(t *testing.T) {
	p, r := newPacketizer(t, Config{}), NewReceiver(ReceiverConfig{})
	r.Add(session)
	r.SetEpoch(0, 1)
	for i := range 50 {
		if r.Handle(at(i), say(t, p, speech(i))) == nil {
			t.Fatal("heard")
		}
	}
	if n := r.Drops()[DropEpoch]; n != 50-16 {
		t.Errorf("%d dropped", n)
	}
}

// The key of another epoch leaves what waits as it is: in its place, and as old as it is.
func TestAnotherEpochsKey(t *testing.T) {
	own := secret.With(netproto.SenderKey{1})
	p, r := newPacketizer(t, Config{}), NewReceiver(ReceiverConfig{})
	r.Add(session)
	r.SetEpoch(0, 2)
	r.SetEpoch(0, 3)
	p.SetSecret(3, own, 0)
	for i := range 5 {
		if err := r.Handle(0, say(t, p, speech(i))); err != DropEpoch {
			t.Fatal(err)
		}
	}
	r.SetTalkerSecret(mostAhead/2, session, 2, secret)
	r.SetTalkerSecret(mostAhead, session, 3, own)
	if n := r.Drops()[DropEpoch]; n != 5 {
		t.Errorf("%d of 5 were too old", n)
	}
}
