package engine

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

// What cannot be said is no lost connection, and no time is so short or so long that somebody is sent away in place of muted.
func TestModerate(t *testing.T) {
	r := startRelay(t, nil, nil)
	c := join(t, r, Config{Plaintext: true})
	if err := c.Moderate(9, 0, 0, ""); !errors.Is(err, ErrNotAllowed) {
		t.Error(err)
	}
	c.control.get().rights = netproto.MayKick | netproto.MayBan | netproto.MayMute
	if err := c.Moderate(9, 0, time.Hour, strings.Repeat("x", netproto.MaxPackage)); err == nil || errors.Is(err, ErrConnectionLost) {
		t.Error(err)
	}
	if err := c.Moderate(9, time.Millisecond, 0, "noise"); err != nil {
		t.Error(err)
	}
	for d, want := range map[time.Duration]int{
		0: 0, 1: 1, time.Second: 1, time.Second + 1: 2, math.MaxInt32 * time.Second: math.MaxInt32, math.MaxInt64: math.MaxInt32,
	} {
		if got := inSeconds(d); got != want {
			t.Errorf("%v is %d s", d, got)
		}
	}
}
