package repair

import (
	"math"
	"time"

	"github.com/tincan-voice/tincan/netproto/wire"
)

const (
	jamQueue    = 100 * time.Millisecond
	jamTrend    = 0.04 // seconds per second
	jamBackoff  = 0.85 // of what came through
	jamRecovery = 0.05 // of the limit per second
	// enough is the part of what usually comes through, over jamMemory, that does so at least where not too much is sent;
	// starved, in shares times seconds, how much less shows that it is: 0.1 over 2.5 s.
	enough    = 0.93
	starved   = 0.25
	jamMemory = 2 * time.Second
	// What usually comes through is learned over usualMemory while there is no queue: loss takes of it, and what is sent
	// is counted on the talkers' own wires, with other headers than the listener's.
	usualMemory = 5 * time.Second
	leastUsual  = 0.6
	// Where nobody can send less and there is still a queue, that is as good as floorLack.
	floorRate  = sustained*LeastPart - DownControl // of each, who has been told LeastPart; half of it is mostly pauses
	floorQueue = 400 * time.Millisecond
	floorLack  = 0.125
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
	limit wire.Kbps // 0 = none
	last  time.Duration
	usual float64                           // share of what is sent that comes through without a queue, 0 = not known: 1
	since time.Duration                     // when less than enough came through first
	short float64                           // how much less, share times seconds
	sent  wire.Kbps                         // so much later as the queue and the reports take
	acted time.Duration                     // when the limit went down, 0 = it has not
	ours  time.Duration                     // until then a queue is known to be
	mean  struct{ sent, through wire.Kbps } // over jamMemory
}

// report takes a listener's report while so much is sent to it, at the floor where no talker can send less, and reports
// whether nothing is to be added. The limit goes down to a part of what comes through when the talkers have had
// their turn, or at once where the last queue was ours; up again slowly.
func (j *jam) report(now time.Duration, d Downlink, sent wire.Kbps, floor bool) bool {
	elapsed := now - j.last
	j.last = now
	fade := func(memory time.Duration) float64 { return 1 - math.Exp(-float64(elapsed)/float64(memory)) }
	j.sent += (sent - j.sent) * wire.Kbps(fade(d.Queue+jamReport)) // which comes through so much later
	lately := wire.Kbps(fade(jamMemory))
	j.mean.sent += (j.sent - j.mean.sent) * lately
	j.mean.through += (d.Rate - j.mean.through) * lately
	if j.acted > 0 && d.Trend <= -jamTrend && now-j.acted < jamProof {
		j.ours = now + jamRemembered
	}
	share := float64(j.mean.through / max(j.mean.sent, 1))
	if j.usual == 0 {
		j.usual = 1
	}
	if d.Queue < jamQueue && j.mean.sent > LeastPart {
		j.usual += (min(max(share, leastUsual), 1) - j.usual) * fade(usualMemory)
	}
	floor = floor && d.Queue >= floorQueue
	if d.Queue < jamQueue || d.Rate >= sent && !floor {
		j.short, j.acted = 0, 0
	}
	if j.short == 0 {
		j.since = now
	}
	switch lack := enough*j.usual - share; {
	case floor:
		j.short += max(lack, floorLack) * min(elapsed, time.Second).Seconds()
	case d.Queue >= jamQueue && d.Rate < sent:
		j.short = max(0, j.short+lack*min(elapsed, time.Second).Seconds())
	}
	if j.short == 0 || now >= j.ours && (j.short < starved || now-j.since < talkersTurn+d.RTT) {
		j.limit *= wire.Kbps(1 + jamRecovery*elapsed.Seconds())
		return d.Queue >= jamQueue && d.Trend >= jamTrend
	}
	if j.acted == 0 {
		j.acted = now
	}
	j.limit = max(d.Rate*jamBackoff, LeastPart)
	return true
}
