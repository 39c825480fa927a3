package relay

import (
	"testing"

	"github.com/tincan-voice/tincan/internal/relay/forward"
)

// The reasons are those of package forward, all of them, in its order.
func TestDropsAreThoseOfForward(t *testing.T) {
	for d, inside := range map[Drop]forward.Drop{
		DropMalformed: forward.DropMalformed, DropVersion: forward.DropVersion, DropType: forward.DropType,
		DropUnknown: forward.DropUnknown, DropStranger: forward.DropStranger, DropForged: forward.DropForged,
		DropReplayed: forward.DropReplayed, DropSessionRate: forward.DropSessionRate, DropPath: forward.DropPath,
		DropQuiet: forward.DropQuiet, DropSend: forward.DropSend, DropCap: forward.DropCap, DropFewer: forward.DropFewer,
		DropBudget: forward.DropBudget, DropStale: forward.DropStale, DropTwin: forward.DropTwin, DropMuted: forward.DropMuted,
		DropVolume: forward.DropVolume, DropOverdue: forward.DropOverdue,
	} {
		if d != Drop(inside) {
			t.Errorf("%v is %d there and %d here", inside, inside, d)
		}
	}
	if name := (DropOverdue + 1).String(); name != "?" {
		t.Errorf("%s has no name here", name)
	}
}
