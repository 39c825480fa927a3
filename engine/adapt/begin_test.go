package adapt

import (
	"testing"
	"time"

	"github.com/tincan-voice/tincan/internal/netsim"
	"github.com/tincan-voice/tincan/netproto/wire"
)

// Voice begins with copies, and again after so long a silence that the path may have become another one. On a clean
// path they are gone within two seconds.
func TestBeginsProtected(t *testing.T) {
	copies := func(l *Ladder) int { return len(l.Decision().Copies) }
	for _, tt := range []struct {
		silence   time.Duration
		protected bool
	}{{10 * time.Second, false}, {time.Minute, true}} {
		w := &world{}
		c := newCall(w, Config{}, far(), lan(), 1)
		logDecisions(t, c)
		from, to := 20*time.Second, 20*time.Second+tt.silence
		c.mute = func(now time.Duration) bool { return now > from && now < to }
		c.start(0)
		within := 2 * time.Second
		for _, begin := range []time.Duration{0, to} {
			w.run(begin + 500*ms)
			if begin == 0 || tt.protected {
				if copies(c.ladder) == 0 {
					t.Errorf("after %v of silence, 0.5 s after it began at %v: %s", tt.silence, begin, c.ladder.Decision().Reason)
				}
			} else if copies(c.ladder) > 0 {
				t.Errorf("after %v of silence: %s", tt.silence, c.ladder.Decision().Reason)
			}
			if w.run(begin + within); copies(c.ladder) > 0 {
				t.Errorf("%v after it began at %v: %s", within, begin, c.ladder.Decision().Reason)
			}
			within = 4 * time.Second // the relay reports as seldom as it does when all is well
		}
	}
}

// A listener that never reports says nothing about loss: its talker is protected no longer than it takes to be sure of
// that, however long it talks; and for the 3 s that one
// with a round trip of 2 s may need to say the first word.
func TestListenerThatNeverReports(t *testing.T) {
	for _, stride := range []int{2, 3, 6} {
		l, begin, sent := New(0, Config{}), time.Duration(0), 0
		l.control.limit = 50
		for now := 300 * ms; now <= 5*time.Minute; now += 300 * ms {
			n := int(now/wire.FrameDuration)/stride - sent
			sent += n
			if l.Heard(now, Feedback{Up: came(n), Listeners: 1}); l.begins {
				begin = now
			}
		}
		if t.Logf("a datagram per %d frames: protected for %v", stride, begin); begin < 3*time.Second || begin > 25*time.Second {
			t.Errorf("a datagram per %d frames: protected for %v", stride, begin)
		}
	}
}

// Where a tenth is lost from the beginning there are hardly ever no copies.
func TestStaysProtectedWhereItIsNeeded(t *testing.T) {
	plain := 0
	for seed := range uint64(20) {
		w := &world{}
		c := newCall(w, Config{}, lan(), netsim.Chain(far(), netsim.Loss(0.1, seed)), seed)
		c.start(0)
		for at := 100 * ms; at <= 10*time.Second; at += 100 * ms {
			if w.run(at); len(c.ladder.Decision().Copies) == 0 && !c.ladder.current.resend {
				plain++
			}
		}
	}
	if t.Logf("plain in %d of 2000 tenths of a second", plain); plain > 60 {
		t.Errorf("plain in %d of 2000 tenths of a second", plain)
	}
}
