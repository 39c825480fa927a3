package engine

import (
	"errors"
	"testing"

	"github.com/tincan-voice/tincan/netproto"
)

// A call ends before a number comes twice, and says why.
func TestWornOut(t *testing.T) {
	r := startRelay(t, nil, nil)
	c := join(t, r, Config{Plaintext: true})
	c.link.Load().seqs[netproto.TypeProbe].Store(netproto.LastSeq)
	if e := await(t, c, "the end", anyEvent[Ended]); !errors.Is(e.Err, ErrWornOut) || !errors.Is(c.Err(), ErrWornOut) {
		t.Errorf("%v, %v", e.Err, c.Err())
	}
}
