package repair

import (
	"time"

	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/netproto/wire"
)

// pace knows when the next datagram of a talkspurt should come. Talkers send in an even rhythm, so what
// does not come in time is probably lost, and on a path that is known to lose it is asked for then,
// and not only when the next one shows the gap: with four frames per datagram that is 65 ms sooner.
//
//	sent      |         |         |         |
//	came        |         |                   |
//	                      early ->  . <- timeout: asked for here ... or here
type pace struct {
	known     bool
	early     time.Duration // delay of what nothing held up: arrival less time of the sequence number
	late, dev time.Duration // mean lateness beyond it, and its mean deviation, as for the timeout of RFC 6298
	slack     time.Duration // grows when what was asked for came by itself
}

const (
	leastTimeout = 8 * time.Millisecond
	mostSlack    = 80 * time.Millisecond
	// lossyFrom and lossyLeast are the loss from which on a path counts as one that loses.
	lossyFrom, lossyLeast = 0.02, 3
	lookEvery             = 500 * time.Millisecond
	// guessMost is how many datagrams in a row are missed before anything later has come: longer
	// silence is an outage, or the pause after a talkspurt whose end was lost.
	guessMost = 3
)

// arrived learns from a datagram that came by itself, the newest.
func (p *pace) arrived(now time.Duration, seq uint32) {
	d := now - time.Duration(seq)*wire.FrameDuration
	if !p.known || d < p.early || d-p.early > time.Second {
		p.known, p.early = true, d
	} else {
		p.early += (d - p.early) / 64
	}
	x := d - p.early
	p.dev += ((x - p.late).Abs() - p.dev) / 8
	p.late += (x - p.late) / 8
}

// timeout is how long after its time a datagram counts as overdue.
func (p *pace) timeout() time.Duration { return max(p.late+3*p.dev, leastTimeout) + p.slack }

// right and wrong learn from what was asked for when it was overdue.
func (p *pace) right() { p.slack -= p.slack / 16 }
func (p *pace) wrong(by time.Duration) {
	p.slack = min(p.slack+by+2*time.Millisecond, mostSlack)
}

// expects tells whether the next datagram that neither came nor was missed is worth looking out for.
func (a *Asker) expects() bool {
	return a.lossy && a.speech && a.stride > 0 && a.missed < guessMost
}

// expected is its newest frame, and due is when it should come.
func (a *Asker) expected() uint32 { return a.highest + (a.missed+1)*a.stride }

func (a *Asker) due() time.Duration {
	return time.Duration(a.expected())*wire.FrameDuration + a.pace.early
}

// guess opens gaps for what is overdue.
func (a *Asker) guess(now time.Duration) {
	for a.expects() && a.due()+a.pace.timeout() <= now {
		a.overdue(now, true)
	}
}

// overdue opens the gap of the next datagram; guess tells that it may be late.
func (a *Asker) overdue(now time.Duration, guess bool) {
	seq, due := a.expected(), a.due()
	a.missed++
	a.openGap(gap{guess: guess, count: a.newest + a.missed, seq: seq, found: now, due: due})
}

// Last tells that for now nothing is sent after the datagram with this sequence number: what is missing before it can
// be asked for, though nothing later comes, and nothing is looked out for behind it.
func (a *Asker) Last(now time.Duration, seq uint32) {
	if !a.started || seq < a.highest || seq <= a.last {
		return
	}
	a.last = seq
	for a.speech && a.stride > 0 && a.missed < guessMost && a.expected() <= seq {
		a.overdue(now, false)
	}
	a.speech = false
}

// guessed closes the gap of a datagram, the newest, that had been missed before anything later came, and tells
// whether it comes because it was asked for: again is whether it was sent again.
func (a *Asker) guessed(now time.Duration, count uint32, again bool) bool {
	g := &a.gaps[count%askSlots]
	if !g.open || g.count != count {
		return again
	}
	a.close(g)
	switch {
	case g.tries == 0:
	case again:
		a.pace.right()
	default:
		a.pace.wrong(now - g.found)
	}
	return again
}

// look judges now and then whether the path loses.
func (a *Asker) look(now time.Duration) {
	if now-a.looked < lookEvery {
		return
	}
	a.looked = now
	l := a.receipt.Last(netproto.ReceiptReach)
	a.lossy = l.Lost >= lossyLeast && l.Loss() >= lossyFrom
}
