package adapt

import (
	"math"
	"time"
)

// Figures of the circuit breaker.
const (
	deadAfter   = 8 * time.Second  // of speech without a word from the relay: four reports missed, and some
	pauseAfter  = time.Second      // without an attempt to send: speech is over, or we stood still ourselves
	retryAfter  = 10 * time.Second // pause of a breaker that loss has tripped
	tripReports = 5                // reports in a row
	tripFactor  = 10               // times what TCP would send (RFC 8083, 4.3)
	tripLoss    = 0.1              // below, the equation says nothing about congestion
)

// breaker stops the sending when all else has failed, as RFC 8083 asks: when nothing at
// all comes back from the relay, not even answers to probes (4.1, 4.2), or when loss stays
// so high that TCP on the same path would send less than a tenth (4.3), by its simplified
// equation rate = size/(rtt*sqrt(2*loss/3)).
//
// Its evidence is gathered only while speech was to be sent, since only that has to be answered: a
// silence however long says nothing, and whoever speaks after one is sent at once.
type breaker struct {
	off        bool
	unanswered time.Duration // speech since the last word from the relay
	tried      time.Duration // when voice was to be sent last
	started    bool          // there has been a word
	bad        int           // reports in a row over the limit
	open       bool          // tripped by loss
	until      time.Duration // when it is tried again
}

// word notes that something came from the relay.
func (b *breaker) word() { b.unanswered, b.started = 0, true }

// speaking notes that voice is to be sent now, and returns how much speech that is since the last time,
// and whether there was a pause before it.
func (b *breaker) speaking(now time.Duration) (more time.Duration, paused bool) {
	more = now - b.tried
	b.tried = now
	if more > pauseAfter {
		b.unanswered, b.open = 0, false
		return 0, true
	}
	b.unanswered += more
	return more, false
}

// report takes the figures of a feedback: the loss, the round trip, what is sent in
// bytes per second and the mean size of a datagram in bytes.
func (b *breaker) report(now time.Duration, loss float64, rtt time.Duration, bytesPerSecond, size float64) {
	b.word()
	if rtt <= 0 || loss < tripLoss || size <= 0 || bytesPerSecond <= tripFactor*size/(rtt.Seconds()*math.Sqrt(2*loss/3)) {
		b.bad = 0
		return
	}
	if b.bad++; b.bad >= tripReports {
		b.bad, b.open, b.until = 0, true, now+retryAfter
	}
}

// tripped tells whether nothing must be sent but probes, and whether it is for loss.
func (b *breaker) tripped(now time.Duration) (stop, loss bool) {
	if b.open && now >= b.until {
		b.open = false
	}
	return !b.off && (b.open || b.started && b.unanswered >= deadAfter), b.open
}
