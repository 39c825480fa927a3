package adapt

import (
	"math"
	"time"

	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/internal/emodel"
	"github.com/tincan-voice/tincan/internal/estimate"
	"github.com/tincan-voice/tincan/internal/repair"
	"github.com/tincan-voice/tincan/netproto/wire"
)

// network is what a point is judged against.
type network struct {
	most    int              // bitrate in bit/s, above which it must not go
	headers int              // bytes of IP and UDP
	channel estimate.Channel // from the talker to a typical listener
	oneWay  time.Duration    // without queues of our own or buffering
	spread  time.Duration    // of the arrival delay: what any buffer waits for
	rtt     time.Duration    // round trip of the hop that resends cross, 0 = no resends
	resent  float64          // share of what is sent that resends add, as much as is lost on that hop
}

// point is a shape at a bitrate.
type point struct {
	shape   *shape
	bitrate int  // bit/s
	resend  bool // what is asked for is sent again, and waited for
}

// smallest is the point below which there is none.
var smallest = point{shape: &shapes[0], bitrate: codec.MinBitrate}

// choose returns the point that is worth most below a rate, where another than the present one must be worth so much
// more. There always is one: below the smallest, the smallest.
func choose(n *network, below wire.Kbps, present point, changing float64) point {
	if n.channel.Loss >= repair.LossyFrom || len(present.shape.copies) > 0 {
		below = min(below, tuned.budget)
	}
	best, most := smallest, math.Inf(-1)
	waitedFor := n.resendsWaitedFor()
	if present.shape.rate(n.headers, present.bitrate) <= below && (waitedFor || !present.resend) {
		if best = present; math.IsInf(changing, 1) { // resends stop by themselves
			return best
		}
		most = best.value(n) + changing
	}
	try := func(p point) {
		room := below
		if p.resend {
			room /= wire.Kbps(1 + n.resent)
		}
		p.bitrate = p.shape.bitrate(n.headers, room, n.most)
		if p.bitrate < codec.MinBitrate || p.bitrate <= p.shape.coarse {
			return
		}
		if v := p.value(n); v > most {
			best, most = p, v
		}
	}
	for i := range shapes {
		try(point{shape: &shapes[i]})
		if waitedFor && shapes[i].leavesRoom() {
			try(point{shape: &shapes[i], resend: true})
		}
	}
	return best
}

// takes is the rate of the point, with what is resent.
func (p *point) takes(n *network) wire.Kbps {
	rate := p.shape.rate(n.headers, p.bitrate)
	if p.resend {
		rate *= wire.Kbps(1 + n.resent)
	}
	return rate
}

// resendsWaitedFor tells whether resends come as long as listeners ask for them.
func (n *network) resendsWaitedFor() bool {
	return n.rtt > 0 && n.rtt+tuned.resendSlack <= repair.Patience(n.oneWay, n.spread, n.channel.Loss)
}

// value is what the point is worth, in points of R, when the jitter buffer waits for whatever of its repair pays:
// nothing, some of the copies, or a resend.
func (p *point) value(n *network) float64 {
	s := p.shape
	// A datagram takes its time to fill; the first frame of it is not counted, here as anywhere.
	base := n.oneWay + s.interval() - wire.FrameDuration
	fine := emodel.Worth(float64(p.bitrate), false)
	// Lost again and again: the original, then each copy, the nearer first.
	lost, before := n.channel.Loss, 0
	best := heard(fine, lost, base+n.spread)
	for _, k := range s.copies {
		lost *= n.channel.Again(time.Duration(k-before) * s.interval())
		before = k
		worth := fine
		if s.coarse > 0 {
			worth -= (fine - emodel.Worth(float64(s.coarse), false)) * (n.channel.Loss - lost)
		}
		best = max(best, heard(worth, lost, base+n.wait(time.Duration(k)*s.interval())))
	}
	if p.resend { // it is waited for
		later := n.rtt + tuned.resendSlack
		best = heard(fine, lost*(1-n.brought(later)), base+n.wait(later))
	}
	return best
}

// heard is what is left of a worth by the loss and the delay.
func heard(worth, lost float64, delay time.Duration) float64 {
	return emodel.Heard(worth, lost) - emodel.DelayPrice(delay)
}

// wait is how long the buffer holds frames back for repair that is sent so much later: no longer than it does for
// jitter in any case, as long as that leaves the repair half of its own.
func (n *network) wait(later time.Duration) time.Duration {
	return max(n.spread, later+max(n.spread/2, tuned.arrivalSpread))
}

// brought is the share of losses that resends bring in time, so much later: two questions (repair.Asker) and an answer
// at least. What comes later still is not counted on.
func (n *network) brought(later time.Duration) float64 {
	unheard := n.channel.Loss * n.channel.Again(repair.Twin)
	return tuned.inTime * (1 - unheard) * (1 - n.channel.Again(later-n.rtt/2))
}
