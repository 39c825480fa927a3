package adapt

import "time"

// breaker stops the sending when nothing at all comes back from the relay, not even answers to probes (RFC 8083, 4.1
// and 4.2). Its third condition, that TCP would send less than a tenth on the same path, is not there: at the 8 to 25
// datagrams a second of a path that loses it takes a round trip of 0.7 to 2 s where half of them are lost. If that is a
// queue of ours, the rate has gone down long before.
//
// Its evidence is gathered only while speech was to be sent, since only that has to be answered: a
// silence however long says nothing, and whoever speaks after one is sent at once.
type breaker struct {
	spoke      time.Duration // when voice was to be sent last
	unheard    time.Duration // speech since the last feedback
	unanswered time.Duration // speech since the last word from the relay
}

// speaking notes that voice is to be sent now, and returns for how much longer feedback has been missing now.
func (b *breaker) speaking(now time.Duration) time.Duration {
	more := now - b.spoke
	b.spoke = now
	if more > tuned.pauseAfter {
		b.unheard, b.unanswered, more = 0, 0, 0
	}
	b.unheard += more
	b.unanswered += more
	return min(more, b.unheard-tuned.silentAfter)
}

// stops tells whether nothing must be sent but probes.
func (b *breaker) stops() bool { return b.unanswered >= tuned.deadAfter }
