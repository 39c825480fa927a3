package lab

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/internal/netsim"
	"github.com/tincan-voice/tincan/internal/synth"
	"github.com/tincan-voice/tincan/jitter"
)

// adaptiveCall is a call over LANs but for one link.
func adaptiveCall(t *testing.T, seconds int, seed uint64, link netsim.Link, where Where) *call {
	t.Helper()
	cfg := Config{Speech: synth.Speech(seconds*second, seed), Network: preset("lan"), Seed: seed, Adaptive: true, Unjudged: true}.withDefaults()
	c, err := newCall(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if where == Up {
		c.members[talks].up.Link = link
	} else {
		c.members[listens].down.Link = link
	}
	return c
}

func figures(t *testing.T, c *call) Figures {
	t.Helper()
	r, err := c.result()
	if err != nil {
		t.Fatal(err)
	}
	return r.Figures
}

// way is the path behind a thin link.
func way(seed uint64) netsim.Link {
	return netsim.Jitter(netsim.Normal(40*time.Millisecond, 2*time.Millisecond, 35*time.Millisecond), true, seed)
}

// Two calls that share a thin link, together or one later, get between 35 and 65 % of it each.
func TestTwoCallsShareAThinLink(t *testing.T) {
	for _, kbps := range []float64{32, 48, 64} {
		thin := netsim.Rate(kbps*1000, time.Second)
		a := adaptiveCall(t, 50, 1, netsim.Chain(thin, way(1)), Up)
		b := adaptiveCall(t, 50, 2, netsim.Chain(thin, way(2)), Up)
		const settled, end = 15 * time.Second, 50 * time.Second
		var before [2]int
		for now := time.Duration(0); now < end; {
			next := a
			if b.due() < a.due() {
				next = b
			}
			if now < settled && next.due() >= settled {
				before = [2]int{a.log.wire[talks].toRelay.bytes, b.log.wire[talks].toRelay.bytes}
			}
			now = next.due()
			if err := next.step(now); err != nil {
				t.Fatal(err)
			}
		}
		rate := func(c *call, before int) float64 {
			return float64(c.log.wire[talks].toRelay.bytes-before) * 8 / 1000 / (end - settled).Seconds()
		}
		ra, rb := rate(a, before[0]), rate(b, before[1])
		fa, fb := figures(t, a), figures(t, b)
		t.Logf("%v kbit/s: %.1f and %.1f; delay %.0f and %.0f ms, concealed %.1f and %.1f %%", kbps, ra, rb,
			fa.Delay.WithoutFill.Mean, fb.Delay.WithoutFill.Mean, fa.Speech.Concealed, fb.Speech.Concealed)
		if share := ra / (ra + rb); share < 0.35 || share > 0.65 {
			t.Errorf("%v kbit/s: %.1f and %.1f kbit/s", kbps, ra, rb)
		}
		if ra+rb > kbps*1.02 || ra+rb < 0.6*kbps {
			t.Errorf("%v kbit/s: %.1f used", kbps, ra+rb)
		}
	}
}

// A rate that falls from 64 to 24 kbit/s in the middle of a sentence damages a second of speech at most, and
// three seconds later the way takes no more than 300 ms longer.
func TestRateFallsInASentence(t *testing.T) {
	const fall = 10 * time.Second
	for _, where := range []Where{Up, Down} {
		for seed := range uint64(3) {
			c := adaptiveCall(t, 30, seed+1, netsim.Chain(netsim.Schedule(
				netsim.Step{Link: netsim.Rate(64000, time.Second)},
				netsim.Step{From: fall, Link: netsim.Rate(24000, time.Second)}), way(seed)), where)
			if err := c.run(t.Context()); err != nil {
				t.Fatal(err)
			}
			r, err := c.result()
			if err != nil {
				t.Fatal(err)
			}
			damaged, worst, longest := 0, 0.0, 0.0 // samples, ms, ms
			for _, p := range c.log.pieces {
				if p.Kind == jitter.Concealed && p.at > int(fall.Seconds()*second) {
					damaged += p.Out
				}
			}
			for _, m := range r.Timeline {
				switch {
				case m.Network != m.Network: // lost
				case m.At >= fall+3*time.Second:
					worst = max(worst, m.Network)
				case m.At >= fall:
					longest = max(longest, m.Network)
				}
			}
			t.Logf("%s, seed %d: %.2f s concealed in the 20 s after the fall, way up to %.0f ms, %.0f ms after 3 s",
				where, seed, float64(damaged)/second, longest, worst)
			if damaged > second {
				t.Errorf("%s, seed %d: %.2f s concealed", where, seed, float64(damaged)/second)
			}
			if worst > 300+2*40+120 { // two ways without a queue, and a datagram's own time
				t.Errorf("%s, seed %d: the way takes up to %.0f ms", where, seed, worst)
			}
		}
	}
}

// A tenth of the downlink is lost from one moment on: within two and a half seconds the talker sends copies or counts on resends.
func TestDownlinkLossIsAnswered(t *testing.T) {
	const begins = 10 * time.Second
	for seed := range uint64(5) {
		c := adaptiveCall(t, 15, seed+1, netsim.Chain(netsim.Schedule(
			netsim.Step{Link: netsim.Loss(0, seed)},
			netsim.Step{From: begins, Link: netsim.Loss(0.1, seed)}), way(seed)), Down)
		if err := c.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(c.steps, func(s Step) bool {
			return s.At > begins.Seconds() && (len(s.Copies) > 0 || strings.Contains(s.Reason, "resends"))
		})
		switch {
		case i < 0:
			t.Errorf("seed %d: %+v", seed, c.steps)
		case c.steps[i].At > begins.Seconds()+2.5:
			t.Errorf("seed %d: only at %.1f s: %s", seed, c.steps[i].At, c.steps[i].Reason)
		default:
			t.Logf("seed %d: %.1f s: %s", seed, c.steps[i].At, c.steps[i].Reason)
		}
	}
}
