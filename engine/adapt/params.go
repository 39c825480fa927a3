package adapt

import (
	"time"

	"github.com/tincan-voice/tincan/netproto/wire"
)

// params are all figures that the ladder decides by. Where no source is named they were found by experiment, by whole
// calls over the networks of the laboratory. TestControllerStep and its neighbors say what each does.
type params struct {
	// What is sent at first, and what a path that loses is to get.
	startRate   wire.Kbps // a thin link survives the first second at it
	budget      wire.Kbps // 24 kbit/s of Opus over RTP, SRTP, UDP and IP, in datagrams of 20 ms, take as much
	assumedLoss float64   // of what is not known yet
	enough      float64   // datagrams are enough to know; half of them are not any more
	untold      float64   // datagrams that came to the relay, and no listener says a word: it never will

	// Congestion, in the manner of LEDBAT (RFC 6817), SCReAM (RFC 8298) and GCC (Carlucci et al. 2016).
	overflow   float64       // more is lost where a queue is full
	backoff    float64       // of what comes through, as in GCC; without feedback so much of the rate is left every second
	mostDrain  float64       // of what comes through is left free to empty the queue
	drainTime  time.Duration // the time in which a short queue should be gone
	useless    time.Duration // after which a queue should empty, beside the time that it takes itself
	emptying   float64       // times what is sent comes through while a queue of ours empties
	forgives   time.Duration // in which it is forgotten that a queue was not ours
	afterDrain float64       // of the bottleneck is used once the queue is gone
	belowWall  float64       // of the bottleneck is as far as the rate goes unless it is time to test
	beyondWall float64       // of it, or of what is sent, is as far as a test goes
	climb      wire.Kbps     // per second: the same for all, so that shares converge (AIMD)
	start      float64       // per second, before any congestion
	firstHold  time.Duration // before the wall is tested again; doubled every time that it was there, up to
	mostHold   time.Duration // so that a path which widens is found out (TestPathThatWidens)
	headroom   float64       // over what is sent: more has not been tried (RFC 7661)

	// The circuit breaker (RFC 8083).
	silentAfter time.Duration // of speech without feedback: five reports missed, which loss alone seldom does
	deadAfter   time.Duration // of speech without a word from the relay: four reports missed, and some
	pauseAfter  time.Duration // without an attempt to send: speech is over, or we stood still ourselves

	// The choice.
	margin      float64       // points of R that a change costs
	decisive    float64       // or so many while there was one
	dwell       time.Duration // not long ago
	spareUpTo   float64       // up to where there is room for Spare, of what is allowed
	resendSlack time.Duration // what a resend takes beside the round trip: until a datagram is overdue, and the spread of the delay
	inTime      float64       // share of answers that come in time
	// arrivalSpread is what any jitter buffer holds back at least.
	arrivalSpread time.Duration
	// resendStride is the longest with which resends are counted on: above too much is lost at once, and found so late.
	resendStride int
}

var tuned = params{
	startRate:   32,
	budget:      44,
	assumedLoss: 0.05,
	enough:      30,
	untold:      60,

	overflow:   0.1,
	backoff:    0.85,
	mostDrain:  0.35,
	drainTime:  800 * time.Millisecond,
	useless:    1500 * time.Millisecond,
	emptying:   1.15,
	forgives:   time.Minute,
	afterDrain: 0.9,
	belowWall:  0.95,
	beyondWall: 1.2,
	climb:      1.5,
	start:      0.15,
	firstHold:  10 * time.Second,
	mostHold:   80 * time.Second,
	headroom:   1.6,

	silentAfter: 5 * time.Second,
	deadAfter:   8 * time.Second,
	pauseAfter:  time.Second,

	margin:        1,
	decisive:      6,
	dwell:         2 * time.Second,
	spareUpTo:     0.85,
	resendSlack:   30 * time.Millisecond,
	inTime:        0.85,
	arrivalSpread: 10 * time.Millisecond,
	resendStride:  3,
}
