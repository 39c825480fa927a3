package repair

import (
	"time"

	"github.com/tincan-voice/tincan/internal/estimate"
	"github.com/tincan-voice/tincan/netproto/wire"
)

// Figures of a Planner.
const (
	planTalkers = 8 // talkers that are planned for; relays forward fewer

	copyLoss    = 0.03                   // loss, or holes where resends fit, that begins copies
	copyExcess  = 0.02                   // how much worse than twice the median a listener must be
	copyPersist = 3 * time.Second        // or for how long it is worse than the median by this factor
	copyWorse   = 1.25                   // and half of copyExcess
	copyProof   = 500 * time.Millisecond // the reports of the others must have come too
	copyOver    = 0.015                  // loss below which copies end, as they do when it is not worse than the median any more
	copyHold    = 10 * time.Second       // after it has been so for this long
	resendSlack = 10 * time.Millisecond

	raiseAfter = 5 * time.Second // where it is not known what a path carries
	capAfter   = 2 * time.Second // below a cap
	// capSlack is how much more than fits those may send in a second who are forwarded: with datagrams of 80 ms a
	// second has one more in it at times, and a Cap holds the cap anyway.
	capSlack = 1.05
)

// copyOffsets are the distances of copies, in datagrams: 12 kbit/s with one copy at 1, 2, 4 and
// 6 has been measured on bursts of four to give a MOS of 2.7, 3.0, 3.3 and 3.6.
var copyOffsets = [...]int{1, 2, 4, 6}

// Downlink is what a listener's report says about its path.
type Downlink struct {
	RTT   time.Duration // 0 = not known yet
	Cap   wire.Kbps     // 0 = none
	Rate  wire.Kbps     // that came in the last second
	Queue time.Duration
	Trend float64 // of the queue, seconds per second
}

// View is how one talker comes through to the listener. Shares are 0 to 1.
type View struct {
	Talker  uint32
	Rate    wire.Kbps        // of its datagrams
	Stride  int              // see Asker.Stride
	Channel estimate.Channel // what is lost before repair
	Hole    float64          // share of frames concealed or late, after repair
	Median  float64          // of the Loss of all listeners of that talker; 1 where there is no more than one other
	OneWay  time.Duration
	Buffer  time.Duration // of the listener's jitter buffer
}

// Planner decides what a relay does for one listener beyond forwarding: whether to send
// each datagram of a talker again after some time, and how many talkers to forward.
//
// Copies are for the listener who loses much more than the others, or more for long,
// whatever the talker does; a loss that all have in common is the talker's to cover,
// with copies that cost less, inside its datagrams. Where a resend comes in time,
// only what holes remain counts. The distance grows with the length of bursts.
//
// Copies never go into a queue that grows, and a cap comes before them: first fewer talkers,
// then fewer copies.
type Planner struct {
	plans   [planTalkers]plan
	talkers int // most to forward, 0 = all
	jam     jam
	jammed  bool          // nothing is to be added
	fits    time.Duration // since when more talkers would fit
	waiting bool          // fits is set
}

type plan struct {
	talker uint32
	used   bool
	delay  time.Duration // of the copies, 0 = none
	bad    bool
	since  time.Duration // when bad began; with copies, when it last was
}

// Report takes a listener's report. views lists the talkers who talk now, loudest
// first, those who are not forwarded too; more than eight are left alone.
func (p *Planner) Report(now time.Duration, d Downlink, views []View) {
	forwarded := p.forwarded(views[:min(len(views), planTalkers)])
	p.jammed = p.jam.report(now, d, p.rate(forwarded), atFloor(forwarded))
	p.Plan(now, d, views)
}

// atFloor tells whether several talk and none can send less.
func atFloor(views []View) bool {
	for i := range views {
		if r := views[i].Rate; r > floorRate || r <= floorRate/2 {
			return false
		}
	}
	return len(views) > 1
}

// Plan plans anew, by the last report, for talkers who have changed since.
func (p *Planner) Plan(now time.Duration, d Downlink, views []View) {
	views = views[:min(len(views), planTalkers)]
	p.sweep(views)
	for i := range views {
		if q := p.plan(views[i].Talker); q != nil {
			q.judge(now, d.RTT, &views[i], p.jammed)
		}
	}
	p.fit(now, d.Cap, views)
}

// Copy is how long after each datagram of the talker another is to be sent; 0 = never.
func (p *Planner) Copy(talker uint32) time.Duration {
	for i := range p.plans {
		if q := &p.plans[i]; q.used && q.talker == talker {
			return q.delay
		}
	}
	return 0
}

// Talkers is the most talkers to forward to the listener, 0 = no limit.
func (p *Planner) Talkers() int { return p.talkers }

// forwarded are those of the talkers that are.
func (p *Planner) forwarded(views []View) []View {
	if p.talkers == 0 {
		return views
	}
	return views[:min(p.talkers, len(views))]
}

// sweep frees the plans of talkers who are silent.
func (p *Planner) sweep(views []View) {
	for i := range p.plans {
		q := &p.plans[i]
		q.used = q.used && has(views, q.talker)
	}
}

func has(views []View, talker uint32) bool {
	for i := range views {
		if views[i].Talker == talker {
			return true
		}
	}
	return false
}

// plan returns the talker's plan, a new one if need be.
func (p *Planner) plan(talker uint32) *plan {
	var free *plan
	for i := range p.plans {
		q := &p.plans[i]
		switch {
		case q.used && q.talker == talker:
			return q
		case !q.used:
			free = q
		}
	}
	if free != nil {
		*free = plan{talker: talker, used: true}
	}
	return free
}

// judge turns copies on and off.
func (q *plan) judge(now, rtt time.Duration, v *View, jam bool) {
	step := time.Duration(max(v.Stride, 1)) * wire.FrameDuration
	patience := Patience(v.OneWay, v.Buffer, v.Hole)
	suffered := v.Channel.Loss
	if rtt > 0 && rtt+step+resendSlack <= patience {
		suffered = min(v.Hole, v.Channel.Loss)
	}
	if q.delay > 0 {
		if v.Channel.Loss >= max(copyOver, copyWorse*v.Median) {
			q.since = now
			q.delay = max(q.delay, copyDelay(v, step, patience))
		}
		if jam || now-q.since >= copyHold {
			q.delay, q.bad = 0, false
		}
		return
	}
	if suffered < copyLoss {
		q.bad = false
		return
	}
	if !q.bad {
		q.bad, q.since = true, now
	}
	much, worse := v.Channel.Loss >= 2*v.Median+copyExcess, v.Channel.Loss >= copyWorse*v.Median+copyExcess/2
	if !jam && (much && now-q.since >= copyProof || worse && now-q.since >= copyPersist) {
		q.delay, q.since = copyDelay(v, step, patience), now
	}
}

// copyDelay is the shortest distance after which a burst is mostly over, or the longest in
// time, but never less than one step.
func copyDelay(v *View, step, patience time.Duration) time.Duration {
	c, delay := v.Channel, step
	for _, k := range copyOffsets {
		if d := time.Duration(k) * step; d <= patience {
			delay = d
		}
		if c.Again(delay) <= 1.5*c.Loss+0.05 {
			break
		}
	}
	return delay
}

// fit honours the cap and the limit.
func (p *Planner) fit(now time.Duration, most wire.Kbps, views []View) {
	if p.jam.limit > 0 && (most == 0 || p.jam.limit < most) {
		most = p.jam.limit
	}
	if most == 0 {
		p.talkers = 0
		return
	}
	total := p.rate(views)
	if p.jam.limit > 2*total {
		p.jam.limit = 0 // long over
	}
	n := len(views)
	forwarded := len(p.forwarded(views))
	for n > 1 && total > most && (n > forwarded || total > capSlack*most) {
		n--
		total = p.rate(views[:n])
	}
	if total > most && n == 1 {
		if q := p.plan(views[0].Talker); q != nil {
			q.delay, q.bad = 0, false
		}
	}
	after := capAfter
	if p.jam.limit > 0 {
		after = raiseAfter
	}
	p.forward(now, n, len(views), after)
}

// forward takes the number of talkers that fit: fewer at once, more after it has been so for a
// while.
func (p *Planner) forward(now time.Duration, n, all int, after time.Duration) {
	current := p.talkers
	if current == 0 {
		current = all
	}
	if n <= current {
		p.waiting = false
		p.talkers = n
	} else {
		if !p.waiting {
			p.waiting, p.fits = true, now
		}
		if now-p.fits < after {
			return
		}
		p.waiting, p.talkers = false, n
	}
	if p.talkers == all {
		p.talkers = 0
	}
}

// rate is what forwarding the views takes, with their copies.
func (p *Planner) rate(views []View) wire.Kbps {
	var sum wire.Kbps
	for i := range views {
		sum += views[i].Rate
		if p.Copy(views[i].Talker) > 0 {
			sum += views[i].Rate
		}
	}
	return sum
}
