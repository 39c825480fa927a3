package repair

import (
	"cmp"
	"math"
	"time"

	"github.com/tincan-voice/tincan/internal/estimate"
	"github.com/tincan-voice/tincan/netproto/wire"
)

// Downlink is what a listener's report says about its path.
type Downlink struct {
	RTT   time.Duration // 0 = not known yet
	Cap   wire.Kbps     // 0 = none
	Rate  wire.Kbps     // that came in the last second
	Queue time.Duration
	Trend float64 // of the queue, seconds per second
}

// View is how one talker comes through to the listener. Shares are 0 to 1. Its Copies are the Planner's.
type View struct {
	Rate    wire.Kbps        // of its datagrams
	Stride  int              // see Asker.Stride
	Channel estimate.Channel // what is lost before repair
	Hole    float64          // share of frames concealed or late, after repair
	Median  float64          // of the Loss of all listeners of that talker; 1 where there is no more than one other
	OneWay  time.Duration
	Buffer  time.Duration // of the listener's jitter buffer
	Copies  Copies        // that the listener gets
}

// Planner decides what a relay does for one listener beyond forwarding: whether to send
// each datagram of a talker again after some time, and how many talkers to forward.
//
// Copies never go into a queue that grows, and a cap comes before them: first fewer talkers,
// then fewer copies.
type Planner struct {
	Talkers int // most to forward to the listener, 0 = all
	jam     jam
	jammed  bool          // nothing is to be added
	fitted  time.Duration // when no more talkers would have fitted
}

// Plan plans by the listener's last report, which may be new. views lists the talkers who talk now, loudest first,
// those who are not forwarded too. The cap and the limit of a jam are honoured with fewer talkers at once, with more
// after these would have fitted for a while.
func (p *Planner) Plan(now time.Duration, d Downlink, views []*View, reported bool) {
	forwarded := min(cmp.Or(p.Talkers, len(views)), len(views))
	if reported {
		p.jammed = p.jam.report(now, d, rate(views[:forwarded]))
	}
	for _, v := range views {
		v.Copies.judge(d.RTT, v, p.jammed)
	}
	n, total, most := len(views), rate(views), wire.Kbps(math.Inf(1))
	if d.Cap > 0 {
		most = max(Sustained(d.Cap)-DownControl, 1)
	}
	if p.jam.limit > 2*total {
		p.jam.limit = 0 // long over
	}
	if p.jam.limit > 0 {
		most = min(most, p.jam.limit)
	}
	for n > 1 && total > most {
		n--
		total = rate(views[:n])
	}
	if total > most {
		views[0].Copies = Copies{}
	}
	if n <= forwarded {
		p.fitted = now
	} else if now-p.fitted < turn {
		n = forwarded
	}
	if p.Talkers = n; n == len(views) {
		p.Talkers = 0
	}
}

// rate is what forwarding the views takes, with their copies.
func rate(views []*View) (sum wire.Kbps) {
	for _, v := range views {
		sum += v.Rate
		if v.Copies.delay > 0 {
			sum += v.Rate
		}
	}
	return sum
}
