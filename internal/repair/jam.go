package repair

import (
	"cmp"
	"math"
	"time"

	"github.com/tincan-voice/tincan/netproto/wire"
)

const (
	// turn is how long the talkers, who hear of a queue too, have to send less until there are fewer of them; and for
	// how long more must have fitted until there are more again. What is sent and comes through is a mean over as long.
	turn = 2 * time.Second
	// enough is the part of what usually comes through that does so at least where not too much is sent, and the
	// limit's of what comes through where too much is.
	enough      = 0.88
	jamRecovery = 0.05 // of the limit per second
	// jamRemembered is for how long a queue that shrank when less was sent is known to be ours.
	jamRemembered = time.Minute
)

// jam tells when a listener is sent more than its path carries, and how much that may be: there is a queue, and less
// comes out of it than goes in. A queue that others fill, or that a varying path makes, lets what is sent
// through, if late: but not one over which nobody can talk. The talkers see the queue too and send less by themselves;
// only where that does not help are there to be fewer of them.
type jam struct {
	limit wire.Kbps     // 0 = none
	last  time.Duration // report
	well  time.Duration // when enough came through
	acted time.Duration // when the limit went down, 0 = it has not
	ours  time.Duration // until then a queue is known to be
	// usual is the share of what is sent that comes through without a queue, 0 = not known: 1. Loss takes of it, and
	// what is sent is counted on the talkers' own wires, with other headers than the listener's.
	usual float64
	// Rates, later the one that is sent, so much later as the queue and the reports take.
	later, sent, through wire.Kbps
}

// report takes a listener's report while so much is sent to it, and reports
// whether nothing is to be added. The limit goes down to a part of what comes through when the talkers have had
// their turn, or at once where the last queue was ours; up again slowly.
func (j *jam) report(now time.Duration, d Downlink, sent wire.Kbps) bool {
	elapsed := now - j.last
	j.last = now
	fade := func(memory time.Duration) float64 { return 1 - math.Exp(-float64(elapsed)/float64(memory)) }
	j.later += (sent - j.later) * wire.Kbps(fade(d.Queue+ReportJammed))
	lately := fade(turn)
	j.sent += (j.later - j.sent) * wire.Kbps(lately)
	j.through += (d.Rate - j.through) * wire.Kbps(lately)
	j.usual = cmp.Or(j.usual, 1)
	share := float64(j.through / max(j.sent, 1))
	if j.acted > 0 && now-j.acted < turn && d.Trend <= -JammedTrend {
		j.ours = now + jamRemembered
	}
	switch {
	case d.Queue < JammedQueue:
		if j.well = now; j.sent > LeastRate {
			j.usual += (min(share, 1) - j.usual) * lately
		}
	case d.Queue < mostWorth && (d.Rate >= sent || share >= enough*j.usual):
		j.well = now
	}
	patience := turn + d.RTT
	if now < j.ours {
		patience = 0
	}
	if now == j.well || now-j.well < patience {
		j.acted = 0
		j.limit *= wire.Kbps(1 + jamRecovery*elapsed.Seconds())
		return d.Queue >= JammedQueue && d.Trend >= JammedTrend
	}
	if j.acted == 0 {
		j.acted = now
	}
	j.limit = max(d.Rate*enough, LeastRate)
	return true
}
