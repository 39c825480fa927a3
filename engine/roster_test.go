package engine

import (
	"testing"
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

// List numbers begin anew behind 65535, and the one that is 0 says nothing.
func TestListNumbersBeginAnew(t *testing.T) {
	r := roster{names: make(map[uint32]string)}
	version := 65500
	list := func(now int) {
		r.gone(100*time.Millisecond, &netproto.SendNewUsers{List: int(uint16(now)), Left: []uint32{}})
	}
	list(version)
	for ; version < 65600; version++ {
		if r.told(100*time.Millisecond, uint16(version)); r.behind(200*time.Millisecond) != 0 {
			t.Fatalf("list %d, which is known, is missing", version)
		}
		next := version + 1
		r.told(100*time.Millisecond, uint16(next))
		if uint16(next) != 0 && r.behind(200*time.Millisecond) != 100*time.Millisecond {
			t.Fatalf("list %d is not missing", next)
		}
		list(next)
		if r.behind(300*time.Millisecond) != 0 {
			t.Fatalf("list %d is missing although it has come", next)
		}
	}
}
