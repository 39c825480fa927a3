package adapt

import (
	"testing"
	"time"
)

// In a tunnel there are neither copies nor resends, whatever the listeners lose; behind it both come back.
func TestNoRepairInATunnel(t *testing.T) {
	l := New(0, Config{})
	now := time.Duration(0)
	run := func() {
		for range 10 {
			now += time.Second
			for range 50 {
				l.Send(now, 100, Voice)
			}
			l.Heard(now, lossyFeedback)
		}
	}
	repairs := func() bool { return len(l.Decision().Copies) > 0 || l.current.resend }
	if run(); !repairs() {
		t.Fatalf("no repair where 8 %% are lost: %+v", l.Decision())
	}
	if l.SetPath(now, 0, true); repairs() {
		t.Errorf("repair in a tunnel at once: %+v", l.Decision())
	}
	if run(); repairs() {
		t.Errorf("repair in a tunnel: %+v", l.Decision())
	}
	l.SetPath(now, 0, false)
	if run(); !repairs() {
		t.Errorf("no repair behind it: %+v", l.Decision())
	}
}

// What goes by a second path as well counts under the cap, and leaves room for voice; it is no rate of the path.
func TestTwins(t *testing.T) {
	l := New(0, Config{Cap: 40, Fixed: &Decision{Bitrate: 11000, Stride: 1}})
	twins := 0
	for now := time.Second; now < 11*time.Second; now += 20 * ms {
		if !l.Send(now, 50, Voice) {
			t.Fatalf("no room for voice after %v", now)
		}
		if l.Send(now, 50, Twin) {
			twins++
		}
	}
	// A datagram takes 78 bytes, 31.2 kbit/s: the cap leaves 8.8, which is 28 % of that.
	if share := float64(twins) / 500; share < 0.2 || share > 0.3 {
		t.Errorf("%.0f %% went twice", 100*share)
	}
	if sent := l.Stats(11 * time.Second).Sent; sent < 30 || sent > 32 {
		t.Errorf("%v kbit/s by the path", sent)
	}
}
