package adapt

import (
	"math"
	"time"

	"github.com/tincan-voice/tincan/internal/emodel"
	"github.com/tincan-voice/tincan/internal/estimate"
	"github.com/tincan-voice/tincan/internal/repair"
	"github.com/tincan-voice/tincan/netproto/wire"
)

// network is what a point is judged against.
type network struct {
	narrow  bool             // the encoder codes narrowband now
	most    int              // bitrate in bit/s, above which it must not go
	headers int              // bytes of IP and UDP
	channel estimate.Channel // from the talker to a typical listener
	oneWay  time.Duration    // without queues of our own or buffering
	spread  time.Duration    // of the arrival delay: what any buffer waits for
	rtt     time.Duration    // round trip of the hop that resends cross, 0 = no resends
	resent  float64          // share that resends add to what is sent
}

// point is a shape at a bitrate, and what it is worth.
type point struct {
	shape   *shape
	bitrate int     // bit/s
	resend  bool    // what is asked for is sent again, and waited for
	value   float64 // R, less the price of bits
}

// bitPrice is what a kbit/s costs in points of R, so that bits are spent on what can be
// heard only.
const bitPrice = 0.03

// choose returns the best point below a rate. There always is one: below the
// smallest, the smallest.
func choose(n *network, below wire.Kbps) point {
	best := point{shape: &shapes[0], bitrate: minBitrate}
	best.judge(n)
	found := false
	for i := range shapes {
		p := point{shape: &shapes[i], bitrate: shapes[i].bitrate(n.headers, below, n.most)}
		found = p.beats(&best, n, found) || found
		if n.resendsWaitedFor() && shapes[i].leavesRoom() {
			p = point{shape: &shapes[i], bitrate: shapes[i].bitrate(n.headers, below/wire.Kbps(1+n.resent), n.most), resend: true}
			found = p.beats(&best, n, found) || found
		}
	}
	return best
}

// beats judges p and puts it in the place of best if it is better, or if best is not one
// that was found.
func (p *point) beats(best *point, n *network, found bool) bool {
	if !p.possible() {
		return false
	}
	if p.judge(n); !found || p.value > best.value {
		*best = *p
		return true
	}
	return false
}

// resendsWaitedFor tells whether resends come as long as listeners ask for them.
func (n *network) resendsWaitedFor() bool {
	return n.rtt > 0 && n.rtt+resendSlack <= repair.Patience(n.oneWay, n.spread, n.channel.Loss)
}

// possible tells whether the encoder can do it.
func (p *point) possible() bool {
	return p.bitrate >= minBitrate && p.bitrate > p.shape.coarse
}

// judge finds what the point is worth when the jitter buffer waits for whatever of its
// repair pays: nothing, some of the copies, or a resend.
func (p *point) judge(n *network) {
	s := p.shape
	// A datagram takes its time to fill; the first frame of it is not counted, here as anywhere.
	base := n.oneWay + s.interval() - wire.FrameDuration
	rate := float64(p.bitrate)
	worth := emodel.Worth(rate, n.narrow)
	fine := worth
	p.value = math.Inf(-1)

	// Lost again and again: the original, then each copy, the nearer first.
	lost, before := n.channel.Loss, 0
	p.consider(worth, base+n.spread, lost)
	for _, k := range s.copies {
		lost *= n.channel.Again(time.Duration(k-before) * s.interval())
		before = k
		if s.coarse > 0 {
			worth = fine - (fine-emodel.Worth(float64(s.coarse), false))*(n.channel.Loss-lost)
		}
		p.consider(worth, base+n.wait(time.Duration(k)*s.interval()), lost)
	}
	if p.resend {
		p.waitForResends(n, worth, base, lost)
	}
	p.value -= bitPrice * float64(s.rate(n.headers, rate))
}

// wait is how long the buffer holds frames back for repair that is sent so much later: no longer than it does for
// jitter in any case, as long as that leaves the repair half of its own.
func (n *network) wait(later time.Duration) time.Duration {
	return max(n.spread, later+max(n.spread/2, arrivalSpread))
}

// waitForResends considers to wait for a resend: two questions (repair.Asker) and an answer at least. What comes later
// still is not counted on.
func (p *point) waitForResends(n *network, worth float64, base time.Duration, lost float64) {
	wait := n.rtt + resendSlack
	unheard := n.channel.Loss * n.channel.Again(repair.Twin)
	brought := inTime * (1 - unheard) * (1 - n.channel.Again(wait-n.rtt/2))
	p.value = math.Inf(-1)
	p.consider(worth, base+n.wait(wait), lost*(1-brought))
}

// resendSlack is what a resend takes beside the round trip: until a datagram is overdue, and the spread of
// the delay; inTime is the share of answers that come in time (found by experiment).
const (
	resendSlack = 30 * time.Millisecond
	inTime      = 0.85
)

// consider takes one way of waiting if it is the best so far.
func (p *point) consider(worth float64, delay time.Duration, lost float64) {
	p.value = max(p.value, emodel.Heard(worth, lost)-emodel.DelayPrice(delay))
}
