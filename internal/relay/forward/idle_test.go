package forward

import (
	"math/rand/v2"
	"testing"

	"github.com/tincan-voice/tincan/netproto"
)

func TestWindow(t *testing.T) {
	var w window
	for i, step := range []struct {
		seq  uint32
		want bool
	}{
		{0, false}, {1, true}, {1, false}, {5, true}, {3, true}, {3, false}, {5, false}, {4, true},
		{37, true}, {5, false}, {6, true}, {6, false}, {2, true}, {100, true}, {68, false}, {36, false}, {69, true},
		{1<<32 - 1, true}, {1<<32 - 1, false}, {1<<32 - 33, false}, {1<<32 - 32, true}, {0, false},
	} {
		if got := w.accept(step.seq); got != step.want {
			t.Errorf("step %d: accept(%d) = %v", i, step.seq, got)
		}
	}
}

// Against a set of all that came: no number twice, and every one that is new
// and among the newest 32.
func TestWindowAgainstSet(t *testing.T) {
	var w window
	rng := rand.New(rand.NewPCG(1, 2))
	seen, newest := map[uint32]bool{}, uint32(0)
	for range 20000 {
		seq := uint32(max(1, int64(newest)+rng.Int64N(60)-45))
		recent := int64(seq) > int64(newest)-int64(len(w.slots))
		switch got := w.accept(seq); {
		case got && seen[seq]:
			t.Fatalf("%d is accepted twice", seq)
		case !got && !seen[seq] && recent:
			t.Fatalf("%d is refused, and new; newest %d", seq, newest)
		case got:
			seen[seq], newest = true, max(newest, seq)
		}
	}
}

func TestSealerRests(t *testing.T) {
	s := sealer{key: [16]byte{1}}
	h := netproto.Header{Type: netproto.TypeProbe, Session: 1, Seq: 1}
	d := s.Seal(nil, h, []byte("a"))
	if s.rest(); s.made.Load() != nil {
		t.Error("the sealer is kept")
	}
	if body, err := s.Open(nil, d); err != nil || string(body) != "a" {
		t.Errorf("Open after a rest: %q, %v", body, err)
	}
}
