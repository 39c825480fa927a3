package adapt

import (
	"strings"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/internal/netsim"
)

func TestBreaker(t *testing.T) {
	t.Run("silent relay", func(t *testing.T) {
		w := &world{}
		c := newCall(w, Config{}, far(), lan(), 1)
		c.trace = func(now time.Duration, d Decision) {
			if c.ladder.Stopped() != strings.HasPrefix(d.Reason, "stopped: ") { // no later change of shape says something else
				t.Errorf("at %v stopped is %v: %s", now, c.ladder.Stopped(), d.Reason)
			}
		}
		c.noWord = func(now time.Duration) bool { return now > 10*time.Second && now < 25*time.Second }
		c.start(0)
		w.run(18 * time.Second)
		if r := c.rate(17*time.Second, 18*time.Second); r > 25 {
			t.Errorf("%.1f kbit/s after seven silent seconds", r)
		}
		w.run(20 * time.Second)
		if !c.ladder.Stopped() {
			t.Error("still sending after ten silent seconds")
		}
		w.run(30 * time.Second)
		if c.ladder.Stopped() {
			t.Error("still stopped five seconds after the relay came back")
		}
	})
	t.Run("speech after a silence", func(t *testing.T) {
		// Three seconds of speech after 14 to 40 s of silence, in which nothing has to be answered: all of it goes out.
		for pause := 7 * time.Second; pause < 41*time.Second; pause += 700 * ms {
			l, now := New(0, Config{}), time.Duration(0)
			l.Probed(60 * ms)
			talk := func() (held int) {
				for range 150 {
					if now += 20 * ms; !l.Send(now, 100, Voice) {
						held++
					}
					l.Poll(now)
				}
				return held
			}
			if held := talk(); held > 0 {
				t.Fatalf("%d frames held back at first", held)
			}
			for range 5 { // whatever was missed before
				for end := now + pause; now < end; now += 200 * ms {
					l.Poll(now)
				}
				if held := talk(); held > 0 {
					t.Fatalf("%d frames held back after %v of silence: %s", held, pause, l.Decision().Reason)
				}
			}
		}
	})
	t.Run("reason stays", func(t *testing.T) {
		l, now := New(0, Config{}), time.Duration(0)
		l.Probed(60 * ms)
		l.Heard(now, Feedback{Up: came(50), Rate: 40, Listeners: 1})
		for range 1000 {
			now += 20 * ms
			l.Send(now, 100, Voice)
			l.Poll(now)
			if d := l.Decision(); l.Stopped() && d.Reason != "stopped: the relay is silent" {
				t.Fatal(d.Reason)
			}
		}
		if !l.Stopped() {
			t.Error("never stopped")
		}
	})
	t.Run("we stood still", func(t *testing.T) {
		l, now := New(0, Config{}), time.Duration(0)
		l.Probed(60 * ms)
		for range 200 {
			now += 20 * ms
			l.Send(now, 100, Voice)
		}
		l.Heard(now, Feedback{Up: came(200), Rate: 40, Listeners: 1})
		before := l.Stats(now).Limit
		now += 30 * time.Second
		l.Send(now, 100, Voice)
		l.Poll(now)
		if l.Stopped() || l.Stats(now).Limit < before {
			t.Errorf("%s, limit %.0f, before %.0f", l.Decision().Reason, l.Stats(now).Limit, before)
		}
	})
	t.Run("loss alone", func(t *testing.T) {
		w := &world{}
		c := newCall(w, Config{}, netsim.Chain(netsim.Delay(500*ms), netsim.Loss(0.6, 2)), lan(), 1)
		c.trace = func(_ time.Duration, d Decision) {
			if c.ladder.Stopped() {
				t.Error(d.Reason)
			}
		}
		c.start(0)
		w.run(40 * time.Second)
	})
}
