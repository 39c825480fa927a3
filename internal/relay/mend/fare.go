package mend

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/tincan-voice/tincan/internal/repair"
	"github.com/tincan-voice/tincan/netproto"
)

const (
	// reportLife is how long a listener's report counts.
	reportLife = 5 * time.Second
	// lossyShare is the median loss from which on listeners count as lossy.
	lossyShare = 0.03
)

// fare is how a talker's voice reaches its listeners.
//
// Loss is that of the median listener, of an even number the worse of the middle two, since to send one
// of two everything again costs more than what the talker can do for both. All other
// figures drive the talker's rate, and so everybody's quality; there a quarter of
// the listeners may be as bad as they like (or say so) without effect, from
// three on at least one. What these need, the relay does for them alone. Caps count of all listeners who are there,
// since one that is left out for a cap is not reported on.
type fare struct {
	loss                      float64          // share
	median                    netproto.Outcome // the same, where the listener has reported since the last feedback
	listeners                 int              // that have reported
	unopened                  int              // listeners who cannot open the talker's voice
	rtt, queue, trend, jitter int              // ms, ms, ms/s, ms
	cap, rate                 int              // kbit/s; 0: none
}

// quorum is which one of n listeners, the worst first, is told about, from 1 on.
func quorum(n int) int { return 1 + (n+1)/4 }

// collector is a Mender's memory for making a fare.
type collector struct {
	views                                []*view
	rtt, queue, trend, jitter, cap, rate []int
}

const unlimited = math.MaxInt

func (c *collector) reset() {
	c.views = c.views[:0]
	for _, l := range []*[]int{&c.rtt, &c.queue, &c.trend, &c.jitter, &c.cap, &c.rate} {
		*l = (*l)[:0]
	}
}

// add takes what a listener tells of its path and of a talker; rate is what comes through of it where the listener
// has a queue.
func (c *collector) add(d *downlink, v *view, rate int) {
	c.views = append(c.views, v)
	c.rtt = append(c.rtt, int(d.rtt/time.Millisecond))
	c.queue = append(c.queue, int(d.queue/time.Millisecond))
	c.trend = append(c.trend, int(d.trend*1000))
	c.jitter = append(c.jitter, int(v.jitter/time.Millisecond))
	c.rate = append(c.rate, rate)
}

// high is the largest but those that do not count; low the same from below.
func high(l []int) int {
	if len(l) == 0 {
		return 0
	}
	slices.Sort(l)
	return l[len(l)-min(quorum(len(l)), len(l))]
}

func low(l []int) int {
	if len(l) == 0 {
		return 0
	}
	slices.Sort(l)
	if v := l[min(quorum(len(l)), len(l))-1]; v != unlimited {
		return v
	}
	return 0
}

// judge makes the fare of one talker.
func (m *Mender) judge(now time.Duration, talker *Member) fare {
	r, c := talker.room, &m.collect
	c.reset()
	unopened := 0
	for _, s := range r.downs {
		d := s.downlink
		if s == talker || d.deaf || !s.Live() {
			continue
		}
		limit := unlimited
		if d.cap > 0 { // which holds for those too who are not forwarded for its sake
			limit = int(cmp.Or(d.part, d.cap))
		}
		c.cap = append(c.cap, limit)
		if now-d.heard > reportLife {
			continue
		}
		if slices.Contains(d.unopened, talker.ID) {
			unopened++
		}
		if v := d.view(talker.ID); v != nil && v.known && now-v.at <= reportLife {
			rate := unlimited
			if d.queue >= repair.JammedQueue && r.hears(s, talker.ID) {
				rate = max(1, int(float64(d.rate)*r.shareOf(now, s, talker)+0.5))
			}
			c.add(d, v, rate)
		}
	}
	f := fare{
		listeners: len(c.rtt), unopened: unopened,
		rtt: high(c.rtt), queue: high(c.queue), trend: high(c.trend), jitter: high(c.jitter),
		cap: low(c.cap), rate: low(c.rate),
	}
	if n := len(c.views); n > 0 {
		slices.SortFunc(c.views, func(a, b *view) int { return cmp.Compare(a.since.Loss(), b.since.Loss()) })
		v := c.views[n/2]
		if f.loss = v.since.Loss(); !v.told {
			f.median = v.since
		}
	}
	return f
}

// mood is what the fare means for how often the talker is told.
func (f *fare) mood() repair.Mood {
	if m := repair.MoodOf(netproto.Outcome{}, time.Duration(f.queue)*time.Millisecond, float64(f.trend)/1000); m > repair.Calm {
		return m
	}
	if f.loss >= lossyShare {
		return repair.Lossy
	}
	return repair.Calm
}
