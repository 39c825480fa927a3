package engine

import (
	"testing"

	"github.com/tincan-voice/tincan/netproto"
)

// List numbers begin anew behind 65535, and the one that is 0 says nothing.
func TestListNumbersBeginAnew(t *testing.T) {
	r := roster{names: make(map[uint32]string)}
	version := 65500
	list := func(now int) {
		r.gone(ms*100, &netproto.SendNewUsers{List: int(uint16(now)), Left: []uint32{}})
	}
	list(version)
	for ; version < 65600; version++ {
		if r.told(ms*100, uint16(version)); r.behind(ms*200) != 0 {
			t.Fatalf("list %d, which is known, is missing", version)
		}
		next := version + 1
		r.told(ms*100, uint16(next))
		if uint16(next) != 0 && r.behind(ms*200) != ms*100 {
			t.Fatalf("list %d is not missing", next)
		}
		list(next)
		if r.behind(ms*300) != 0 {
			t.Fatalf("list %d is missing although it has come", next)
		}
	}
}
