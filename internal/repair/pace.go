package repair

import "time"

// pace knows when the next datagram of a talkspurt should come. Talkers send in an even rhythm, so what
// does not come in time is probably lost, and on a path that is known to lose it is asked for then,
// and not only when the next one shows the gap: with four frames per datagram that is 65 ms sooner.
//
//	sent      |         |         |         |
//	came        |         |                   |
//	                       mean ->  . <- timeout: asked for here ... or here
type pace struct {
	known bool
	mean  time.Duration // delay, arrival less time of the sequence number, and
	dev   time.Duration // its mean deviation, as for the timeout of RFC 6298
	slack time.Duration // grows with what comes by itself though it was overdue, as the reordering window of RACK (RFC 8985)
}

const (
	leastTimeout = 8 * time.Millisecond
	mostSlack    = 80 * time.Millisecond
	// LossyFrom is the loss from which on a path counts as one that loses.
	LossyFrom = 0.02
	// guessMost is how many datagrams in a row are missed before anything later has come: longer
	// silence is an outage, or the pause after a talkspurt whose end was lost.
	guessMost = 3
)

// arrived learns from a datagram that came by itself, the newest.
func (p *pace) arrived(now time.Duration, seq uint32) {
	x := now - sentAt(seq) - p.mean
	if !p.known || x.Abs() > time.Second {
		p.known, p.mean, p.dev = true, p.mean+x, 0
		return
	}
	p.dev += (x.Abs() - p.dev) / 8
	p.mean += x / 8
}

// timeout is how long after its time a datagram counts as overdue.
func (p *pace) timeout() time.Duration { return p.usual() + p.slack }
func (p *pace) usual() time.Duration   { return max(3*p.dev, leastTimeout) }

// right and wrong learn from what was overdue: it was lost, or came by itself, so late.
func (p *pace) right() { p.slack -= p.slack / 16 }
func (p *pace) wrong(late time.Duration) {
	p.slack = min(max(p.slack, late-p.usual()+2*time.Millisecond), mostSlack)
}

// expects tells whether the next datagram that neither came nor was missed is worth looking out for.
func (a *Asker) expects() bool {
	return a.lossy() && a.speech && a.stride > 0 && a.missed < guessMost
}

// expected is its newest frame, and due is when it should come.
func (a *Asker) expected() uint32 { return a.highest + (a.missed+1)*a.stride }

func (a *Asker) due() time.Duration { return sentAt(a.expected()) + a.pace.mean }

// guess opens gaps for what is overdue.
func (a *Asker) guess(now time.Duration) {
	for a.expects() && a.due()+a.pace.timeout() <= now {
		a.overdue(now)
	}
}

// overdue opens the gap of the next datagram.
func (a *Asker) overdue(now time.Duration) {
	seq, due := a.expected(), a.due()
	a.missed++
	a.openGap(gap{count: a.newest + a.missed, seq: seq, next: now, due: due})
}

// Last tells that for now nothing is sent after the datagram with this sequence number: what is missing before it can
// be asked for, though nothing later comes, and nothing is looked out for behind it. Not ok: that was known, the talker
// has gone on, or it makes no sense.
func (a *Asker) Last(now time.Duration, seq uint32) (ok bool) {
	if a.receipt.Reach == 0 || seq < a.highest || seq <= a.last || seq-a.highest > outage {
		return false
	}
	a.last = seq
	for a.speech && a.stride > 0 && a.missed < guessMost && a.expected() <= seq {
		a.overdue(now)
	}
	a.speech = false
	return true
}
