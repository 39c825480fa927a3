package adapt

import (
	"math"
	"time"

	"github.com/tincan-voice/tincan/internal/repair"
	"github.com/tincan-voice/tincan/netproto/wire"
)

// Figures of the rate controller.
const (
	startRate wire.Kbps = 32   // a thin link survives the first second at this
	freeRate  wire.Kbps = 1000 // no limit

	overQueue    = 60 * time.Millisecond  // a queue that long that grows
	overTrend    = 0.03                   // by so many seconds per second
	overStanding = 180 * time.Millisecond // or that long, growing or not
	clearQueue   = 30 * time.Millisecond

	backoff      = 0.85                    // of what comes through, as TCP-friendly delay-based control does (GCC)
	mostDrain    = 0.35                    // of what comes through is left free to empty the queue
	drainTime    = 800 * time.Millisecond  // the time in which a short queue should be gone
	clumpTime    = 3 * time.Second         // until what had waited for a relay is through, and told of: a report or two
	useless      = 1500 * time.Millisecond // after which a queue should shrink, beside the time that it takes itself
	shrunk       = 0.7                     // what shrinking means
	emptying     = 1.15                    // times what is sent comes through
	again        = 10 * time.Second        // within which a backoff goes on with the one before
	overflows    = 0.1                     // more than before is lost, and as much less comes through, where a queue is full
	mostAccepted = 800 * time.Millisecond  // twice a queue of others is put up with from then on, up to this
	steeper      = 2.0                     // times as fast grows a queue that may be ours again
	steepNoise   = 0.1                     // and by that at least: noise where a third is lost and nothing grows is 0.06
	forgives     = 60                      // seconds in which it is forgotten that a queue was not ours
	afterDrain   = 0.9                     // of the bottleneck is used once the queue is gone
	belowWall    = 0.95                    // of the bottleneck is as far as the rate goes unless it is time to test
	beyondWall   = 1.2                     // is as far as a test goes
	wellBeyond   = 1.1                     // times the bottleneck, and it cannot be one
	wallGone     = 3.0                     // seconds of that without a queue and it is gone
	climb        = 1.5                     // kbit/s per second: the same for all, so that shares converge (AIMD)
	start        = 0.15                    // per second, before any congestion
	firstHold    = 10 * time.Second        // before the wall is tested again
	mostHold     = 2 * time.Minute         // doubled every time that it was there
	headroom     = 1.6                     // over what is sent: more has not been tried (RFC 7661)
	silentAfter  = 5 * time.Second         // without feedback: five reports missed, which loss alone seldom does
	silentDecay  = 0.7                     // per second
)

// state is what a controller is about.
//
//	opening ── congested ──> draining ── clear ──> resting ── after hold ──> exploring
//	  ^  ^                     │ │ ^                  │                       │   │
//	  │  └─ it is not ours ────┘ │ └──── congested ───┴─ congested: twice ────┘   │
//	  │  └─ the relay stood still┘                       as long a hold           │
//	  └────────────────────────────────────── more than the bottleneck for 3 s ───┘
type state uint8

const (
	opening   state = iota // no bottleneck is known
	draining               // a queue of ours is to be emptied
	resting                // a little below the bottleneck
	exploring              // whether there is more, up to a fifth beyond it
)

// controller finds how much may be sent: delay-based congestion control in the manner of LEDBAT
// (RFC 6817), SCReAM (RFC 8298) and GCC (Carlucci et al. 2016), simplified for a source of
// 11 to 50 kbit/s. A queue that grows while we send means that what comes through is all there is:
// the rate drops below it at once, far enough to empty the queue, returns to nine
// tenths and stays there; ever more rarely it is tested whether there is more. A queue
// that stays although we have gone down is not ours, and is put up with for a minute unless a steeper one grows, or
// it overflows: whoever fills it then, less must be sent.
type controller struct {
	state  state
	limit  wire.Kbps
	wall   wire.Kbps // what the bottleneck carries, but for opening
	hold   time.Duration
	until  time.Duration // the wall is not tested before
	tested float64       // seconds of sending beyond the wall without a queue
	last   time.Duration

	began  time.Duration // the draining
	cut    time.Duration // when the limit went down last
	before struct {      // it began
		queue time.Duration
		sent  wire.Kbps
	}
	steepest float64 // trend since then, the highest

	accepted time.Duration // so long a queue is not ours
	mild     float64       // and grows so fast at most
	full     time.Duration // when such a queue was found to be full; 0: never
	usual    float64       // the loss while there was no queue

	standstill wire.Kbps     // the limit before a relay that said nothing at all brought it down; 0: it has not
	returned   time.Duration // when it spoke again, 0 = not yet
}

// sample is one look at the path, whichever of its queues is worse.
type sample struct {
	queue   time.Duration
	trend   float64   // seconds per second of arrivals
	through wire.Kbps // what came through in the last second, 0 = not known
	loss    float64   // share of datagrams, on the whole way
	sent    wire.Kbps // what was sent in the last second
	nominal wire.Kbps // what is being sent, speech provided
	size    float64   // bytes of one datagram
	rtt     time.Duration
}

// update takes a sample: congestion brings the limit down, a clear path lets it rise.
func (c *controller) update(now time.Duration, s sample) {
	elapsed := min(now-c.last, 3*time.Second).Seconds()
	c.last = now
	if c.standstill > 0 {
		c.goOn(now, s.queue)
	}
	queue := c.ours(now, elapsed, s)
	congested := queue >= overQueue && s.trend >= overTrend || queue >= overStanding
	c.steepest = max(c.steepest, s.trend)
	switch {
	case c.state == draining && c.inVain(now, s):
		c.accepted, c.mild = max(c.accepted, s.queue, min(2*s.queue, mostAccepted)), c.steepest
		c.state, c.limit = opening, max(c.limit, c.before.sent)
	case congested && c.state == draining && (now-c.cut < s.rtt || s.trend <= -overTrend):
		// What was done has not had its effect yet, or has it just now. As long as there is a
		// queue, what comes through is what the bottleneck carries, counted in whole datagrams.
		if s.through > 0 {
			c.wall = max((c.wall+s.through)/2, repair.LeastRate)
		}
	case congested:
		c.backOff(now, queue, s)
	case queue < clearQueue:
		c.rise(now, elapsed, s)
	}
	if s.queue < clearQueue {
		c.usual = s.loss
	}
}

// ours is how long a queue of our own there is: without the time that a datagram itself takes on a thin link, and
// without what others keep there, unless that grows or overflows.
func (c *controller) ours(now time.Duration, elapsed float64, s sample) time.Duration {
	if c.accepted > s.queue {
		c.accepted -= time.Duration(float64(c.accepted-s.queue) * min(1, elapsed/forgives))
	}
	accepted := c.accepted
	if s.trend > max(steeper*c.mild, steepNoise) {
		accepted = 0
	}
	if accepted > 0 && c.overflows(s) {
		accepted, c.accepted, c.full = 0, 0, now
	}
	itself := time.Duration(s.size / max(c.limit, repair.LeastRate).Bytes(time.Second) * float64(time.Second))
	return max(0, s.queue-max(accepted, itself))
}

// overflows tells whether so much more is lost than without a queue that the queue is full.
func (c *controller) overflows(s sample) bool {
	return s.loss >= c.usual+overflows && s.through > 0 && s.through < s.sent*wire.Kbps((1-c.usual)*(1-overflows))
}

// goOn gives the limit back after a time without a word, if what had waited is through soon: then the relay stood
// still or the path was down, while congestion would have left a queue.
func (c *controller) goOn(now time.Duration, queue time.Duration) {
	if c.returned == 0 {
		c.returned = now
	}
	if queue < clearQueue {
		if c.limit = max(c.limit, c.standstill); c.state == draining { // for what had waited
			c.state = opening
		}
	} else if now-c.returned < clumpTime {
		return
	}
	c.standstill, c.returned = 0, 0
}

// inVain tells whether going down has not helped: the queue belongs to others. As long as ours empties more
// comes through than is sent.
func (c *controller) inVain(now time.Duration, s sample) bool {
	if c.full > 0 && now-c.full < forgives*time.Second {
		return false
	}
	empties := s.through == 0 || s.through > emptying*s.sent || s.trend <= -overTrend
	return !empties && now-c.began >= useless+s.queue+s.rtt && (s.sent < 0.8*c.before.sent || c.limit <= repair.LeastRate) &&
		s.queue > clearQueue && float64(s.queue) > shrunk*float64(c.before.queue)
}

// backOff goes below what comes through, so far that the queue empties. While there has been a
// queue for long, that is what has come through; else what is sent, less the part that the
// queue grows by.
func (c *controller) backOff(now, queue time.Duration, s sample) {
	through := s.nominal * wire.Kbps(1-max(min(s.trend, 0.9), 0))
	if c.state == draining {
		if through = c.wall; s.through > 0 {
			through = (through + s.through) / 2
		}
	} else {
		hold := firstHold
		if c.state == exploring {
			hold = min(2*c.hold, mostHold)
		}
		c.hold = hold
		if now-c.began > again {
			c.before.sent = 0
		}
		c.before.queue, c.before.sent = s.queue, max(c.before.sent, s.sent)
		c.state, c.began, c.steepest = draining, now, s.trend
	}
	c.wall, c.cut, c.until = max(through, repair.LeastRate), now, now+c.hold
	drain := mostDrain * min(1, queue.Seconds()/drainTime.Seconds())
	c.limit = max(min(c.limit, c.wall*wire.Kbps(backoff-drain)), repair.LeastRate)
}

// rise lets the limit go up where the path is clear, but not far above what has been tried
// (RFC 7661); a pause in speech does not bring it down.
func (c *controller) rise(now time.Duration, elapsed float64, s sample) {
	step, most := wire.Kbps(climb*elapsed), max(s.sent*headroom, startRate)
	if c.state == resting && now >= c.until {
		c.state, c.tested = exploring, 0
	}
	switch c.state {
	case opening:
		step = c.limit * wire.Kbps(start*elapsed)
	case draining:
		c.state, c.limit = resting, max(c.limit, c.wall*afterDrain)
		return
	case resting:
		most = c.wall * belowWall
	case exploring:
		most = c.wall * beyondWall
		if s.nominal > wellBeyond*c.wall && s.sent > c.wall {
			c.tested += elapsed
		}
		if c.tested >= wallGone {
			c.state = opening
		}
	}
	c.limit = min(c.limit+step, max(c.limit, most), freeRate)
}

// silent lets the limit go down while there is no feedback (RFC 8083, 4.2); mute is whether the relay says nothing
// at all.
func (c *controller) silent(elapsed float64, mute bool) {
	if mute {
		c.standstill, c.returned = max(c.standstill, c.limit), 0
	}
	c.limit = max(c.limit*wire.Kbps(math.Pow(silentDecay, elapsed)), repair.LeastRate)
}
