package adapt

import (
	"math"
	"time"

	"github.com/tincan-voice/tincan/internal/repair"
	"github.com/tincan-voice/tincan/netproto/wire"
)

// Figures of the rate controller.
const (
	startRate wire.Kbps = 40 // a thin link survives the first second at this, which is wideband with a copy

	overQueue = 60 * time.Millisecond // a queue that long that grows, or three times that, is one of ours
	overTrend = 0.03                  // and grows by so many seconds per second

	backoff      = 0.85                    // of what comes through, as TCP-friendly delay-based control does (GCC)
	mostDrain    = 0.35                    // of what comes through is left free to empty the queue
	drainTime    = 800 * time.Millisecond  // the time in which a short queue should be gone
	useless      = 1500 * time.Millisecond // after which a queue should shrink, beside the time that it takes itself
	shrunk       = 0.7                     // what shrinking means
	emptying     = 1.15                    // times what is sent comes through
	mostAccepted = 800 * time.Millisecond  // twice a queue of others is put up with from then on, up to this
	overflow     = 0.1                     // more is lost where a queue is full
	forgives     = 60                      // seconds in which it is forgotten that a queue was not ours
	afterDrain   = 0.9                     // of the bottleneck is used once the queue is gone
	belowWall    = 0.95                    // of the bottleneck is as far as the rate goes unless it is time to test
	beyondWall   = 1.2                     // of it, or of what is sent, is as far as a test goes
	climb        = 1.5                     // kbit/s per second: the same for all, so that shares converge (AIMD)
	start        = 0.15                    // per second, before any congestion
	firstHold    = 10 * time.Second        // before the wall is tested again
	mostHold     = 2 * time.Minute         // doubled every time that it was there
	headroom     = 1.6                     // over what is sent: more has not been tried (RFC 7661)
	silentDecay  = 0.7                     // per second
)

// state is what a controller is about.
//
//	opening ── congested ──> draining ── clear ──> resting ── after hold ──> exploring
//	     ^                     │ │ ^                  │                         │
//	     └─ it is not ours ────┘ │ └──── congested ───┴─ congested: twice ──────┘
//	     └─ the relay stood still┘                       as long a hold
type state uint8

const (
	opening   state = iota // no bottleneck is known
	draining               // a queue of ours is to be emptied
	resting                // a little below the bottleneck
	exploring              // whether there is more, a fifth at a time
)

// controller finds how much may be sent: delay-based congestion control in the manner of LEDBAT
// (RFC 6817), SCReAM (RFC 8298) and GCC (Carlucci et al. 2016), simplified for a source of
// 11 to 50 kbit/s. A queue that grows while we send means that what comes through is all there is:
// the rate drops below it at once, far enough to empty the queue, returns to nine
// tenths and stays there; ever more rarely it is tested whether there is more. A queue
// that stays although we have gone down is not ours, and is put up with for a minute.
type controller struct {
	state state
	limit wire.Kbps
	wall  wire.Kbps // what the bottleneck carries, but for opening
	hold  time.Duration
	until time.Duration // the wall is not tested before
	last  time.Duration

	began    time.Duration // the draining
	queue    time.Duration // when it began
	sent     wire.Kbps     // the same
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
	if s.queue < overQueue/2 {
		c.usual = s.loss
		// What had waited is through: the relay stood still or the path was down, while congestion would have left a queue.
		if c.standstill > 0 && c.state == draining {
			c.state = opening
		}
		c.limit, c.standstill = max(c.limit, c.standstill), 0
	}
	full := s.loss >= c.usual+overflow
	if full { // then it is ours as well
		c.accepted = 0
	}
	queue := c.ours(elapsed, s)
	congested := queue >= overQueue && s.trend >= overTrend || queue >= 3*overQueue
	switch {
	case c.state == draining && !full && c.inVain(now, s):
		c.accepted = max(c.accepted, s.queue, min(2*s.queue, mostAccepted))
		c.state, c.limit = opening, max(c.limit, c.sent)
	case congested && c.state == draining && (now-c.cut < s.rtt || s.trend <= -overTrend):
		// What was done has not had its effect yet, or has it just now. As long as there is a
		// queue, what comes through is what the bottleneck carries, counted in whole datagrams.
		if s.through > 0 {
			c.wall = max((c.wall+s.through)/2, repair.LeastRate)
		}
	case congested:
		if s.trend > -overTrend { // it stays
			c.standstill = 0
		}
		c.backOff(now, queue, s)
	case queue < overQueue/2:
		c.rise(now, elapsed, s)
	}
}

// ours is how long a queue of our own there is: without the time that a datagram itself takes on a thin link, and
// without what others keep there.
func (c *controller) ours(elapsed float64, s sample) time.Duration {
	if c.accepted > s.queue {
		c.accepted -= time.Duration(float64(c.accepted-s.queue) * min(1, elapsed/forgives))
	}
	itself := time.Duration(s.nominal / max(c.limit, repair.LeastRate) * wire.Kbps(s.every))
	return max(0, s.queue-max(c.accepted, itself))
}

// inVain tells whether going down has not helped: the queue belongs to others. As long as ours empties more
// comes through than is sent.
func (c *controller) inVain(now time.Duration, s sample) bool {
	empties := s.through == 0 || s.through > emptying*s.sent || s.trend <= -overTrend
	return !empties && now-c.began >= useless+s.queue+s.rtt && (s.sent < 0.8*c.sent || c.limit <= repair.LeastRate) &&
		s.queue > overQueue/2 && float64(s.queue) > shrunk*float64(c.queue)
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
		if c.state != exploring {
			c.hold = firstHold / 2
		}
		c.hold = min(2*c.hold, mostHold)
		c.queue, c.sent = s.queue, s.sent
		c.state, c.began = draining, now
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
		c.state = exploring
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
		most = max(c.wall, s.sent) * beyondWall
	}
	c.limit = min(c.limit+step, max(c.limit, most))
}

// silent lets the limit go down while there is no feedback (RFC 8083, 4.2); mute is whether the relay says nothing
// at all.
func (c *controller) silent(elapsed float64, mute bool) {
	if mute {
		c.standstill = max(c.standstill, c.limit)
	}
	c.limit = max(c.limit*wire.Kbps(math.Pow(silentDecay, elapsed)), repair.LeastRate)
}
