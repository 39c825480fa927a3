package repair

import "time"

const (
	jamQueue    = 100 * time.Millisecond
	jamTrend    = 0.04 // seconds per second
	jamBackoff  = 0.85 // of what came through
	jamRecovery = 0.05 // of the limit per second

	// A queue that goes on growing, at least half as fast and no faster than vainTrend, vainAfter the relay
	// sends but vainLess of what it sent, is filled by others.
	vainAfter = 1500 * time.Millisecond
	vainLess  = 0.8
	vainTrend = 0.2
	// Then a queue of mostAccepted is put up with unless it grows steeper times as fast, and that is forgotten after acceptedFor.
	mostAccepted = 800 * time.Millisecond
	steeper      = 2
	acceptedFor  = time.Minute
)

// jam tells when a listener's queue grows because of what it is sent, and how much that may be.
// A queue that others fill is no reason to keep talkers from it.
type jam struct {
	limit  float64 // kbit/s, 0 = none
	on     bool
	since  time.Duration
	sent   float64 // kbit/s when it began
	trend  float64 // then
	others bool    // fill a queue, as was found at found
	found  time.Duration
	mild   float64 // trend of that
	last   time.Duration
}

// report takes a listener's report while sent kbit/s are sent to it, and reports whether nothing is to be added: down at once to a
// part of what comes through, up again slowly.
func (j *jam) report(now time.Duration, d Downlink, sent float64) bool {
	elapsed := (now - j.last).Seconds()
	j.last = now
	j.others = j.others && now-j.found < acceptedFor
	if d.Queue < jamQueue || d.Trend < jamTrend || j.others && d.Queue < mostAccepted && d.Trend <= steeper*j.mild {
		j.on = j.on && d.Queue >= jamQueue
		j.limit += j.limit * jamRecovery * elapsed
		return false
	}
	if !j.on {
		j.on, j.since, j.sent, j.trend = true, now, sent, d.Trend
	}
	if now-j.since >= vainAfter+d.Queue+d.RTT && sent <= vainLess*j.sent && d.Trend <= vainTrend && d.Trend >= j.trend/2 {
		j.others, j.found, j.mild = true, now, max(j.trend, d.Trend)
		j.on, j.limit = false, 0
		return false
	}
	j.limit = max(d.Rate*jamBackoff, leastRate)
	return true
}
