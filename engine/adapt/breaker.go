package adapt

import (
	"math"
	"time"
)

// Figures of the circuit breaker.
const (
	silentAfter = 5 * time.Second // of speech without feedback: five reports missed, which loss alone seldom does
	deadAfter   = 8 * time.Second // of speech without a word from the relay: four reports missed, and some; and how long loss stops it
	pauseAfter  = time.Second     // without an attempt to send: speech is over, or we stood still ourselves
	tripReports = 5               // reports in a row
	tripFactor  = 10              // times what TCP would send (RFC 8083, 4.3)
	tripLoss    = 0.1             // below, the equation says nothing about congestion
)

// breaker stops the sending when all else has failed, as RFC 8083 asks: when nothing at
// all comes back from the relay, not even answers to probes (4.1, 4.2), or when loss stays
// so high that TCP on the same path would send less than a tenth (4.3), by its simplified
// equation: 1/(rtt*sqrt(2*loss/3)) datagrams per second.
//
// Its evidence is gathered only while speech was to be sent, since only that has to be answered: a
// silence however long says nothing, and whoever speaks after one is sent at once.
type breaker struct {
	spoke      time.Duration // when voice was to be sent last
	unheard    time.Duration // speech since the last feedback
	unanswered time.Duration // speech since the last word from the relay
	bad        int           // reports in a row over the limit
	until      time.Duration // loss has tripped it until then
}

// speaking notes that voice is to be sent now, and returns for how much longer feedback has been missing now.
func (b *breaker) speaking(now time.Duration) time.Duration {
	more := now - b.spoke
	b.spoke = now
	if more > pauseAfter {
		b.unheard, b.unanswered, b.until, more = 0, 0, 0, 0
	}
	b.unheard += more
	b.unanswered += more
	return min(more, b.unheard-silentAfter)
}

// report takes the figures of a feedback: the loss, the round trip, and how many datagrams are sent in a second.
func (b *breaker) report(now time.Duration, loss float64, rtt time.Duration, datagrams int) {
	b.unheard, b.unanswered = 0, 0
	if rtt <= 0 || loss < tripLoss || float64(datagrams) <= tripFactor/(rtt.Seconds()*math.Sqrt(2*loss/3)) {
		b.bad = 0
		return
	}
	if b.bad++; b.bad >= tripReports {
		b.bad, b.until = 0, now+deadAfter
	}
}

// stops tells why nothing must be sent but probes, "" = it may.
func (b *breaker) stops(now time.Duration) string {
	switch {
	case now < b.until:
		return "far more loss than TCP would bear"
	case b.unanswered >= deadAfter:
		return "the relay is silent"
	}
	return ""
}
