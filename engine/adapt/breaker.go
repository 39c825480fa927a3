package adapt

import (
	"math"
	"time"
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
	if more > tuned.pauseAfter {
		b.unheard, b.unanswered, b.until, more = 0, 0, 0, 0
	}
	b.unheard += more
	b.unanswered += more
	return min(more, b.unheard-tuned.silentAfter)
}

// report takes the figures of a feedback: the loss, the round trip, and how many datagrams are sent in a second.
func (b *breaker) report(now time.Duration, loss float64, rtt time.Duration, datagrams int) {
	b.unheard, b.unanswered = 0, 0
	if rtt <= 0 || loss < tuned.tripLoss || float64(datagrams) <= tuned.tripFactor/(rtt.Seconds()*math.Sqrt(2*loss/3)) {
		b.bad = 0
		return
	}
	if b.bad++; b.bad >= tuned.tripReports {
		b.bad, b.until = 0, now+tuned.deadAfter
	}
}

// stops tells why nothing must be sent but probes, "" = it may.
func (b *breaker) stops(now time.Duration) string {
	switch {
	case now < b.until:
		return "far more loss than TCP would bear"
	case b.unanswered >= tuned.deadAfter:
		return "the relay is silent"
	}
	return ""
}
