package stream

import (
	"testing"
	"time"
)

// Who has another passphrase is so from one epoch to the next.
func TestForeignGoesOn(t *testing.T) {
	for _, tt := range []struct {
		drops []Drop
		want  Drop
		count int
	}{
		{[]Drop{DropForged, DropForged, DropEpoch, DropForged}, DropForged, 4},
		{[]Drop{DropEpoch, DropEpoch, DropForged}, DropForged, 1},
		{[]Drop{DropForged, DropMalformed, DropEpoch}, DropEpoch, 1},
	} {
		var u Unheard
		for i, reason := range tt.drops {
			u.note(time.Duration(i), reason)
		}
		if u.Reason != tt.want || u.Count != tt.count {
			t.Errorf("%v: %v, %d", tt.drops, u.Reason, u.Count)
		}
	}
}
