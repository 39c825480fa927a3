package relaytest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tincan-voice/tincan/netproto"
)

// Heard is what a client makes of the user lists that it gets: names by session.
type Heard map[uint32]string

// Take takes a list.
func (h *Heard) Take(t testing.TB, p netproto.SendNewUsers) {
	t.Helper()
	if p.Left == nil {
		*h = Heard{}
	}
	for _, id := range p.Left {
		delete(*h, id)
	}
	for i, id := range p.Sessions {
		(*h)[id] = p.Users[i]
	}
}

// Wide is a name that takes as many bytes as one may.
func Wide(i int) string { return strings.Repeat("\U0001f600", 15) + fmt.Sprintf("%04d", i) }
