package adapt

import (
	"reflect"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/netproto/wire"
)

// A path with other headers is planned for as if it had been that from the beginning; the same headers again are no
// decision.
func TestOverheadFollowsThePath(t *testing.T) {
	for _, cap := range []wire.Kbps{0, 17, 24, 40} {
		at := func(overhead int) Decision {
			return New(0, Config{Cap: cap, Overhead: overhead}).Decision()
		}
		v4, v6 := at(wire.IPv4Overhead), at(wire.IPv6Overhead)
		l := New(0, Config{Cap: cap})
		for _, step := range []struct {
			overhead int
			want     Decision
		}{{wire.IPv6Overhead, v6}, {wire.IPv4Overhead, v4}, {0, v4}} {
			l.SetPath(time.Second, step.overhead, false)
			if got := l.Decision(); !reflect.DeepEqual(got, step.want) {
				t.Errorf("cap %v, %d bytes: %+v, not %+v", cap, step.overhead, got, step.want)
			}
		}
		changes := l.Changes()
		if l.SetPath(2*time.Second, wire.IPv4Overhead, false); l.Changes() != changes {
			t.Errorf("cap %v: a change without another overhead", cap)
		}
		if cap == 24 && v4.Bitrate == v6.Bitrate && v4.Stride == v6.Stride {
			t.Errorf("20 bytes more make no difference under a cap of %v: %+v", cap, v4)
		}
	}
}

// What is sent counts with the headers of its time.
func TestOverheadCounts(t *testing.T) {
	l := New(0, Config{})
	l.Send(0, 100, Voice)
	l.SetPath(0, wire.IPv6Overhead, false)
	l.Send(0, 100, Voice)
	if bytes := int(l.sent.Rate(500 * time.Millisecond).Bytes(time.Second)); bytes != 200+wire.IPv4Overhead+wire.IPv6Overhead {
		t.Errorf("%d bytes counted", bytes)
	}
}
