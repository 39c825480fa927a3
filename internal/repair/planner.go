package repair

import (
	"time"

	"github.com/tincan-voice/tincan/internal/estimate"
	"github.com/tincan-voice/tincan/netproto/wire"
)

// raiseAfter is for how long more talkers must have fitted until there are more.
const raiseAfter = 2 * time.Second

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
	talkers int // most to forward, 0 = all
	jam     jam
	jammed  bool          // nothing is to be added
	fitted  time.Duration // when no more talkers would have fitted
}

// Report takes a listener's report. views lists the talkers who talk now, loudest
// first, those who are not forwarded too.
func (p *Planner) Report(now time.Duration, d Downlink, views []*View) {
	p.jammed = p.jam.report(now, d, rate(p.forwarded(views)))
	p.Plan(now, d, views)
}

// Plan plans anew, by the last report, for talkers who have changed since.
func (p *Planner) Plan(now time.Duration, d Downlink, views []*View) {
	for i := range views {
		views[i].Copies.judge(d.RTT, views[i], p.jammed)
	}
	most := d.Cap
	if most > 0 {
		most = max(Sustained(most)-DownControl, 1)
	}
	p.fit(now, most, views)
}

// Talkers is the most talkers to forward to the listener, 0 = no limit.
func (p *Planner) Talkers() int { return p.talkers }

// forwarded are those of the talkers that are.
func (p *Planner) forwarded(views []*View) []*View {
	if p.talkers == 0 {
		return views
	}
	return views[:min(p.talkers, len(views))]
}

// fit honours the cap and the limit: with fewer talkers at once, with more after these would have fitted for a while.
func (p *Planner) fit(now time.Duration, most wire.Kbps, views []*View) {
	total := rate(views)
	if p.jam.limit > 0 {
		if most == 0 || p.jam.limit < most {
			most = p.jam.limit
		}
		if p.jam.limit > 2*total {
			p.jam.limit = 0 // long over
		}
	}
	if most == 0 {
		p.talkers = 0
		return
	}
	n, forwarded := len(views), len(p.forwarded(views))
	for n > 1 && total > most {
		n--
		total = rate(views[:n])
	}
	if n == 1 && total > most {
		views[0].Copies = Copies{}
	}
	if n <= forwarded {
		p.fitted = now
	} else if now-p.fitted < raiseAfter {
		return
	}
	if p.talkers = n; n == len(views) {
		p.talkers = 0
	}
}

// rate is what forwarding the views takes, with their copies.
func rate(views []*View) wire.Kbps {
	var sum wire.Kbps
	for i := range views {
		sum += views[i].Rate
		if views[i].Copies.delay > 0 {
			sum += views[i].Rate
		}
	}
	return sum
}
