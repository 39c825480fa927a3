package repair

import (
	"cmp"
	"math"
	"time"

	"github.com/tincan-voice/tincan/netproto/wire"
)

const (
	jamQueue    = 100 * time.Millisecond
	jamTrend    = 0.04 // seconds per second
	jamBackoff  = 0.85 // of what came through
	jamRecovery = 0.05 // of the limit per second
	// enough is the part of what usually comes through, over jamMemory, that does so at least where not too much is sent.
	enough    = 0.88
	jamMemory = 2 * time.Second
	// What usually comes through is learned over usualMemory while there is no queue: loss takes of it, and what is sent
	// is counted on the talkers' own wires, with other headers than the listener's.
	usualMemory = 5 * time.Second
	leastUsual  = 0.6
	// hopeless is a queue that nobody can talk over: so it counts even if all comes through that nobody can send less of.
	hopeless = 500 * time.Millisecond
	// jamReport is how old what a report tells is, on the average: it counts a second.
	jamReport = 500 * time.Millisecond
	// talkersTurn is how long the talkers, who hear of the queue too, have to send less.
	talkersTurn = 2 * time.Second
	// A queue that shrinks within jamProof after less was sent is ours, which is remembered for jamRemembered.
	jamProof      = 2 * time.Second
	jamRemembered = time.Minute
)

// jam tells when a listener is sent more than its path carries, and how much that may be: there is a queue, and less
// comes out of it than goes in. A queue that others fill, or that a varying path makes, lets what is sent
// through, if late. The talkers see the queue too and send less by themselves; only where that does not help are
// there to be fewer of them.
type jam struct {
	limit wire.Kbps     // 0 = none
	last  time.Duration // report
	well  time.Duration // when enough came through
	acted time.Duration // when the limit went down, 0 = it has not
	ours  time.Duration // until then a queue is known to be
	usual float64       // share of what is sent that comes through without a queue, 0 = not known: 1
	// Rates over jamMemory, the one that is sent so much later as the queue and the reports take.
	later, sent, through wire.Kbps
}

// report takes a listener's report while so much is sent to it, and reports
// whether nothing is to be added. The limit goes down to a part of what comes through when the talkers have had
// their turn, or at once where the last queue was ours; up again slowly.
func (j *jam) report(now time.Duration, d Downlink, sent wire.Kbps) bool {
	elapsed := now - j.last
	j.last = now
	fade := func(memory time.Duration) float64 { return 1 - math.Exp(-float64(elapsed)/float64(memory)) }
	j.later += (sent - j.later) * wire.Kbps(fade(d.Queue+jamReport))
	lately := wire.Kbps(fade(jamMemory))
	j.sent += (j.later - j.sent) * lately
	j.through += (d.Rate - j.through) * lately
	j.usual = cmp.Or(j.usual, 1)
	share := float64(j.through / max(j.sent, 1))
	if j.acted > 0 && now-j.acted < jamProof && d.Trend <= -jamTrend {
		j.ours = now + jamRemembered
	}
	switch {
	case d.Queue < jamQueue:
		if j.well = now; j.sent > LeastPart {
			j.usual += (min(max(share, leastUsual), 1) - j.usual) * fade(usualMemory)
		}
	case d.Queue < hopeless && (d.Rate >= sent || share >= enough*j.usual):
		j.well = now
	}
	turn := talkersTurn + d.RTT
	if now < j.ours {
		turn = 0
	}
	if now == j.well || now-j.well < turn {
		j.acted = 0
		j.limit *= wire.Kbps(1 + jamRecovery*elapsed.Seconds())
		return d.Queue >= jamQueue && d.Trend >= jamTrend
	}
	if j.acted == 0 {
		j.acted = now
	}
	j.limit = max(d.Rate*jamBackoff, LeastPart)
	return true
}
