package rooms_test

import (
	"slices"
	"testing"

	"github.com/tincan-voice/tincan/internal/relay/relaytest"
	"github.com/tincan-voice/tincan/internal/relay/rooms"
	"github.com/tincan-voice/tincan/netproto"
)

// A sender key goes to those in the room whom it is wrapped for, once per epoch that is in use.
func TestPass(t *testing.T) {
	c := relaytest.New(t, rooms.Config{})
	ann, bob, cid := c.Enter("r", "Ann"), c.Enter("r", "Bob"), c.Enter("r", "Cid")
	elsewhere := c.Enter("s", "Dan")
	c.Tick(c.Now) // epoch 1
	wrap := func(epoch uint32, to ...uint32) (keys []netproto.Wrapping) {
		for _, s := range to {
			keys = append(keys, netproto.Wrapping{Session: s, Epoch: epoch, Wrapped: [32]byte{byte(s)}})
		}
		return keys
	}
	all := []uint32{bob.Session, cid.Session}
	for _, tt := range []struct {
		name string
		keys []netproto.Wrapping
		want []uint32
	}{
		{"none", nil, nil},
		{"of an epoch to come", wrap(2, all...), nil},
		{"to others", wrap(1, all...), all},
		{"again", wrap(1, all...), nil},
		{"of one that was", wrap(0, all...), nil},
	} {
		var to []uint32
		for _, p := range c.Pass(ann.Session, tt.keys) {
			if to = append(to, p.To); p.Session != ann.Session || p.Epoch != 1 || p.Wrapped[0] != byte(p.To) {
				t.Errorf("%s: %+v", tt.name, p)
			}
		}
		if !slices.Equal(to, tt.want) {
			t.Errorf("%s: to %v, want %v", tt.name, to, tt.want)
		}
	}
	if p := c.Pass(bob.Session, wrap(1, elsewhere.Session, bob.Session, 99)); len(p) != 1 || p[0].To != bob.Session {
		t.Errorf("elsewhere, to oneself, to nobody: %v", p)
	}
	if p := c.Pass(cid.Session, append(wrap(1, ann.Session), wrap(0, ann.Session)...)); len(p) > 0 {
		t.Errorf("of two epochs: %v", p)
	}
	if p := c.Pass(cid.Session, wrap(1, make([]uint32, netproto.MaxKeyed+1)...)); len(p) > 0 {
		t.Errorf("too many: %v", p)
	}
}
