package engine

import (
	"time"

	"github.com/tincan-voice/tincan/internal/estimate"
	"github.com/tincan-voice/tincan/netproto"
)

const (
	// probeEvery is the interval while anybody talks: a path that dies is then noticed within 4 s (pathDead). It is
	// probeIdle when nobody has for idleAfter: that
	// keeps the bindings of NATs, of which the shortest common one is 30 s (RFC 4787,
	// 4.3 asks for 2 min).
	probeEvery = time.Second
	probeIdle  = 15 * time.Second
	idleAfter  = 10 * time.Second
	// probeHurry is the interval until the first answer: the way is learned by the
	// relay from a probe, and that may get lost. It is also that of a talker whose voice is held back until an answer
	// comes.
	probeHurry = 200 * time.Millisecond
	// probeSearch is the interval when an answer is late by lateAnswer, until it is clear that the path is dead; then it
	// is probeAgain.
	probeSearch = 100 * time.Millisecond
	probeAgain  = time.Second
	lateAnswer  = 500 * time.Millisecond
	// probeLate is how long an answer may take.
	probeLate = 2 * time.Second
	// pathDead is how long after the first probe without an answer a path counts as working. By then there have been 22
	// (at a round trip of 120 ms): where both ways lose 30 %, all of them are lost once in 5 million times.
	pathDead = 3 * time.Second
	// probeSize is the length of a probe's body.
	probeSize = 16
	// probeWindow is how many probes the loss is counted over. A power of two.
	probeWindow = 32
)

// probes measures the path to the relay. Sans-IO; times are of one clock.
type probes struct {
	sent     [probeWindow]probe
	count    int // probes sent so far
	answered bool
	waiting  bool          // no answer has come since
	since    time.Duration // that probe was sent
	rtt      estimate.RoundTrip
}

type probe struct {
	at       time.Duration
	answered bool
}

// next notes that a probe is sent at now and returns it.
func (p *probes) next(now time.Duration) netproto.Probe {
	p.sent[p.count%probeWindow] = probe{at: now}
	p.count++
	if !p.waiting {
		p.waiting, p.since = true, now
	}
	return netproto.Probe{Time: uint64(now.Microseconds())}
}

// due returns when the next probe is to be sent; busy is when somebody, we included, talked last, and stopped
// whether our voice is held back until an answer comes.
func (p *probes) due(busy time.Duration, stopped bool) time.Duration {
	if p.count == 0 {
		return 0
	}
	last := p.sent[(p.count-1)%probeWindow].at
	switch {
	case !p.answered, stopped && last-busy <= idleAfter:
		return last + probeHurry
	case p.waiting && last-p.since > pathDead:
		return last + probeAgain
	case p.waiting && last-p.since > 0:
		return last + probeSearch
	case p.waiting:
		return last + p.rtt.Value() + lateAnswer
	case last-busy > idleAfter:
		return last + probeIdle
	}
	return last + probeEvery
}

// ack takes an answer that came at now; it reports whether it answers a probe that waits for one.
func (p *probes) ack(now time.Duration, a netproto.ProbeAck) bool {
	for i := range min(p.count, probeWindow) {
		s := &p.sent[i]
		if s.answered || uint64(s.at.Microseconds()) != a.Echo {
			continue
		}
		s.answered = true
		p.rtt.Add(now - s.at)
		p.answered, p.waiting = true, false
		return true
	}
	return false
}

// alive tells whether datagrams go to the relay and back.
func (p *probes) alive(now time.Duration) bool {
	return p.answered && !(p.waiting && now-p.since >= pathDead)
}

// loss is the part, 0 to 1, of the last probes that were not answered.
func (p *probes) loss(now time.Duration) float64 {
	asked, lost := 0, 0
	for i := range min(p.count, probeWindow) {
		switch s := p.sent[i]; {
		case s.answered:
			asked++
		case now-s.at > probeLate:
			asked++
			lost++
		}
	}
	if asked == 0 {
		return 0
	}
	return float64(lost) / float64(asked)
}
