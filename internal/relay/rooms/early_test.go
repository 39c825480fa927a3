package rooms

import (
	"strings"
	"testing"

	"github.com/tincan-voice/tincan/netproto"
)

// However many talk, a package holds those who are named before their turn.
func TestManyTalkers(t *testing.T) {
	l := UserList{Version: 1}
	for i := range 1000 {
		l.Names, l.Sessions = append(l.Names, strings.Repeat("😀", netproto.MaxName)), append(l.Sessions, 1<<32-1001+uint32(i))
		l.fresh, l.talkers = append(l.fresh, make([]byte, netproto.SignedFreshSize)), append(l.talkers, i)
	}
	if data, then := NewRoster(l).Next(Told{}); len(data) == 0 || !then.More() {
		t.Errorf("%d bytes", len(data))
	}
}
