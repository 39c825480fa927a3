package repair

import (
	"cmp"
	"math"
	"time"

	"github.com/tincan-voice/tincan/netproto/wire"
)

const (
	// jamTime is over how long rates are compared, and how long the talkers, who hear of a queue too, have to send less.
	jamTime = 2 * time.Second
	// enough is the part of what usually comes through that does so at least where not too much is sent.
	enough = 0.88
	// hopeless is a queue that nobody can talk over: so it counts even if all comes through that nobody can send less of.
	hopeless = 500 * time.Millisecond
	// jamRemembered is how long the next queue is ours at once, after one that shrank when less was sent.
	jamRemembered = time.Minute
	jamBackoff    = 0.85 // of what came through
	jamRecovery   = 0.05 // of the limit per second
)

// jam tells when a listener is sent more than its path carries, and how much that may be: there is a queue, and less
// comes out of it than goes in. A queue that others fill, or that a varying path makes, lets what is sent
// through, if late. The talkers see the queue too and send less by themselves; only where that does not help are
// there to be fewer of them.
type jam struct {
	limit wire.Kbps     // 0 = none
	last  time.Duration // report
	well  time.Duration // when enough came through
	acted bool          // the limit goes down
	ours  time.Duration // until then a queue is known to be
	// usual is the share of what is sent that comes through without a queue, 0 = not known, 1: loss takes of it, and what
	// is sent is counted on the talkers' own wires, with other headers than the listener's.
	usual         float64
	sent, through wire.Kbps // rates over jamTime
}

// report takes a listener's report while so much is sent to it, and reports
// whether nothing is to be added. The limit goes down to a part of what comes through when the talkers have had
// their turn, or at once where the last queue was ours; up again slowly.
func (j *jam) report(now time.Duration, d Downlink, sent wire.Kbps) bool {
	elapsed := now - j.last
	j.last = now
	lately := 1 - math.Exp(-float64(elapsed)/float64(jamTime))
	j.sent += (sent - j.sent) * wire.Kbps(lately)
	j.through += (d.Rate - j.through) * wire.Kbps(lately)
	j.usual = cmp.Or(j.usual, 1)
	share := float64(j.through / max(j.sent, 1))
	if j.acted && d.Trend <= -jammedTrend {
		j.ours = now + jamRemembered
	}
	switch {
	case d.Queue < JammedQueue:
		if j.well = now; j.sent > LeastPart {
			j.usual += (min(share, 1) - j.usual) * lately
		}
	case d.Queue < hopeless && share >= enough*j.usual:
		j.well = now
	}
	turn := jamTime + d.RTT
	if now < j.ours {
		turn = 0
	}
	if j.acted = now > j.well && now-j.well >= turn; !j.acted {
		j.limit *= wire.Kbps(1 + jamRecovery*elapsed.Seconds())
		return MoodOf(false, d.Queue, d.Trend) == Jammed
	}
	j.limit = max(d.Rate*jamBackoff, LeastPart)
	return true
}
