package adapt

import (
	"math"
	"time"

	"github.com/tincan-voice/tincan/internal/repair"
	"github.com/tincan-voice/tincan/netproto/wire"
)

// state is what a controller is about.
type state uint8

const (
	opening   state = iota // no bottleneck is known
	draining               // a queue of ours is to be emptied
	resting                // a little below the bottleneck
	exploring              // whether there is more, a fifth at a time
)

// verdict is what a sample says.
type verdict uint8

const (
	calm      verdict = iota // a queue too short to act on and too long to rise
	clear                    // no queue
	due                      // the same, and it is time to test for more
	congested                // a queue of ours
	waiting                  // the same, and what was done against it has not had its effect yet, or has it just now
	others                   // going down has not helped: the queue is not ours
	passed                   // what had waited while the relay stood still is through
)

// transitions are the states after a verdict, row by row those before.
var transitions = [...][passed + 1]state{
	opening:   {clear: opening, congested: draining},
	draining:  {calm: draining, clear: resting, congested: draining, waiting: draining, others: opening, passed: opening},
	resting:   {calm: resting, clear: resting, due: exploring, congested: draining, passed: resting},
	exploring: {calm: exploring, clear: exploring, congested: draining, passed: exploring},
}

// controller finds how much may be sent: delay-based congestion control in the manner of LEDBAT
// (RFC 6817), SCReAM (RFC 8298) and GCC (Carlucci et al. 2016), simplified for a source of
// 11 to 50 kbit/s. A queue that grows while we send means that what comes through is all there is:
// the rate drops below it at once, far enough to empty the queue, returns to nine
// tenths and stays there; from time to time it is tested whether there is more. A queue
// that stays although we have gone down is not ours, and is put up with for a minute.
type controller struct {
	state state
	limit wire.Kbps
	wall  wire.Kbps // what the bottleneck carries, but for opening
	hold  time.Duration
	until time.Duration // the wall is not tested before
	last  time.Duration

	began    time.Duration // the draining
	sent     wire.Kbps     // when it began
	cut      time.Duration // when the limit went down last
	accepted time.Duration // so long a queue is not ours
	usual    float64       // the loss while there was no queue

	standstill wire.Kbps // the limit before a relay that said nothing at all brought it down; 0: it has not
}

// sample is one look at the path, whichever of its queues is worse.
type sample struct {
	queue   time.Duration
	trend   float64       // seconds per second of arrivals
	through wire.Kbps     // what came through in the last second, 0 = not known
	sent    wire.Kbps     // what was sent in the last second
	nominal wire.Kbps     // what is being sent, speech provided
	every   time.Duration // in one datagram each
	rtt     time.Duration
	loss    float64 // share of datagrams, on the whole way
}

// update takes a sample: congestion brings the limit down, a clear path lets it rise.
func (c *controller) update(now time.Duration, s sample) {
	elapsed := min(now-c.last, 3*time.Second).Seconds()
	c.last = now
	queue := c.ours(elapsed, s)
	before, v := c.state, c.judge(now, queue, s)
	c.state = transitions[before][v]
	switch v {
	case clear, due:
		c.rise(before, elapsed, s)
	case congested:
		c.backOff(now, before, queue, s)
	case waiting:
		// As long as there is a queue, what comes through is what the bottleneck carries, counted in whole datagrams.
		if s.through > 0 {
			c.wall = max((c.wall+s.through)/2, repair.LeastRate)
		}
	case others:
		c.accepted = max(c.accepted, 2*s.queue) // it may grow
		c.limit = max(c.limit, c.sent)
	case passed: // it was no congestion, which would have left a queue
		c.limit, c.standstill = max(c.limit, c.standstill), 0
	}
}

// judge says what a sample means, when so much of its queue is ours.
func (c *controller) judge(now, queue time.Duration, s sample) verdict {
	congests := repair.MoodOf(false, queue, s.trend) == repair.Jammed || queue >= 3*repair.JammedQueue
	switch {
	case c.standstill > 0 && s.queue < repair.JammedQueue/2:
		return passed
	case c.state == draining && !c.overflows(s) && c.inVain(now, s):
		return others
	case congests && c.state == draining && (now-c.cut < s.rtt || s.trend <= -repair.JammedTrend):
		return waiting
	case congests:
		return congested
	case queue >= repair.JammedQueue/2:
		return calm
	case c.state == resting && now >= c.until:
		return due
	default:
		return clear
	}
}

// ours is how long a queue of our own there is: without the time that a datagram itself takes on a thin link, and
// without what others keep there, unless it overflows.
func (c *controller) ours(elapsed float64, s sample) time.Duration {
	if s.queue < repair.JammedQueue/2 {
		c.usual = s.loss
	}
	if c.overflows(s) {
		c.accepted = 0
	}
	if c.accepted > s.queue {
		c.accepted -= time.Duration(float64(c.accepted-s.queue) * min(1, elapsed/tuned.forgives.Seconds()))
	}
	itself := time.Duration(s.nominal / max(c.limit, repair.LeastRate) * wire.Kbps(s.every))
	return max(0, s.queue-max(c.accepted, itself))
}

// overflows tells whether so much more is lost than without a queue that the queue is full: then it is ours as well.
func (c *controller) overflows(s sample) bool { return s.loss >= c.usual+tuned.overflow }

// inVain tells whether going down has not helped: the queue belongs to others. As long as ours empties more
// comes through than is sent.
func (c *controller) inVain(now time.Duration, s sample) bool {
	empties := s.through == 0 || s.through > s.sent*wire.Kbps(tuned.emptying) || s.trend <= -repair.JammedTrend
	return !empties && now-c.began >= tuned.useless+s.queue+s.rtt && (s.sent < 0.8*c.sent || c.limit <= repair.LeastRate) && s.queue > repair.JammedQueue/2
}

// backOff goes below what comes through, so far that the queue empties. While there has been a
// queue for long, that is what has come through; else what is sent, less the part that the
// queue grows by.
func (c *controller) backOff(now time.Duration, before state, queue time.Duration, s sample) {
	if s.trend > -repair.JammedTrend { // it stays
		c.standstill = 0
	}
	through := s.nominal * wire.Kbps(1-max(min(s.trend, 0.9), 0))
	if before == draining {
		if through = c.wall; s.through > 0 {
			through = (through + s.through) / 2
		}
	} else {
		if c.hold = min(2*c.hold, tuned.mostHold); before != exploring {
			c.hold = tuned.firstHold
		}
		c.sent, c.began = s.sent, now
	}
	c.wall, c.cut, c.until = max(through, repair.LeastRate), now, now+c.hold
	drain := tuned.mostDrain * min(1, queue.Seconds()/tuned.drainTime.Seconds())
	c.limit = max(min(c.limit, c.wall*wire.Kbps(tuned.backoff-drain)), repair.LeastRate)
}

// rise lets the limit go up where the path is clear, but not far above what has been tried
// (RFC 7661); a pause in speech does not bring it down.
func (c *controller) rise(before state, elapsed float64, s sample) {
	step, most := tuned.climb*wire.Kbps(elapsed), wire.Kbps(0)
	switch {
	case before == draining:
		c.limit, step = max(c.limit, c.wall*wire.Kbps(tuned.afterDrain)), 0
	case c.state == opening:
		step, most = c.limit*wire.Kbps(tuned.start*elapsed), max(s.sent*wire.Kbps(tuned.headroom), tuned.startRate)
	case c.state == resting:
		most = c.wall * wire.Kbps(tuned.belowWall)
	case c.state == exploring:
		most = max(c.wall, s.sent) * wire.Kbps(tuned.beyondWall)
	}
	c.limit = min(c.limit+step, max(c.limit, most))
}

// silent lets the limit go down while there is no feedback (RFC 8083, 4.2); mute is whether the relay says nothing
// at all.
func (c *controller) silent(elapsed float64, mute bool) {
	if mute {
		c.standstill = max(c.standstill, c.limit)
	}
	c.limit = max(c.limit*wire.Kbps(math.Pow(tuned.backoff, elapsed)), repair.LeastRate)
}
