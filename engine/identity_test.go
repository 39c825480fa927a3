package engine

import (
	"testing"

	"github.com/tincan-voice/tincan/netproto"
)

// In a crowded room nobody can prove to have a key; who has a name of which one is known is marked all the same.
func TestUnprovenInACrowd(t *testing.T) {
	known, err := openKnownMembers("", relayOfMembers, "")
	if err != nil {
		t.Fatal(err)
	}
	known.note("Ann", netproto.Identity{1})
	r := newRoster(known)
	r.crowded = true
	r.names = map[uint32]string{1: "Ann", 2: "Ann", 3: "Bob"}
	r.brought[1] = make([]byte, netproto.SignedFreshSize)
	for session := range r.names {
		r.unproven[session] = 0
	}
	got := map[uint32]Identity{}
	for _, e := range r.overdue(identityGrace + 1) {
		got[e.(PeerIdentity).Session] = e.(PeerIdentity).Identity
	}
	if len(got) != 2 || got[1] != IdentityUnproven || got[2] != IdentityMissing || len(r.unproven) != 1 {
		t.Errorf("%v, %v", got, r.unproven)
	}
}
