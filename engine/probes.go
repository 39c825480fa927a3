package engine

import (
	"cmp"
	"time"

	"github.com/tincan-voice/tincan/internal/estimate"
	"github.com/tincan-voice/tincan/netproto"
)

const (
	// probeEvery is the interval while anybody talks, so that voice has a tunnel within 2 s (deadAfter), and probeIdle when
	// nobody has for idleAfter. The latter is what pathDead leaves: a path that dies in silence is noticed within 4 s too.
	// NATs would be content with 30 s (RFC 4787, 4.3 asks for 2 min).
	probeEvery = 500 * time.Millisecond
	probeIdle  = 2 * time.Second
	idleAfter  = 10 * time.Second
	// probeHurry is the interval until the first answer: the way is learned by the
	// relay from a probe, and that may get lost. It is also that of a talker whose voice is held back until an answer
	// comes, and that while voice seems not to come through.
	probeHurry = 200 * time.Millisecond
	// probeSearch is the interval when an answer is late by lateAnswer, until it is clear that the path is dead; then it
	// is probeAgain.
	probeSearch = 100 * time.Millisecond
	probeAgain  = 500 * time.Millisecond
	lateAnswer  = 300 * time.Millisecond
	// probeLate is how long an answer may take.
	probeLate = 2 * time.Second
	// pathDead is how long after the last sign of life a path counts as working, if a probe since has no answer. By then
	// there have been 30 probes without one where somebody talks, 14 in silence (at a round trip of 120 ms). Where both
	// ways lose 30 %, all of them are lost once in 10^9 and in 12000 times; where they lose 10 %, once in 10^10.
	pathDead = 3800 * time.Millisecond
	// voiceDead is how long voice must not have come through, though probes do.
	voiceDead = 2800 * time.Millisecond
	// pathBack is how long a path must work again until that is said.
	pathBack = 2500 * time.Millisecond
	// probeSize is the length of a probe's body, and probeLong that of one which is as long as voice may be: six frames at
	// 24 kbit/s.
	probeSize = 10
	probeLong = 400
	// probeReturn is the interval on UDP while voice goes by the tunnel, and probeTrial how many probes as long as voice are
	// looked at then.
	probeReturn = 700 * time.Millisecond
	probeTrial  = 6
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
	heard    time.Duration // the last answer came
	talked   time.Duration // others did last, by the relay's count of what it has sent us
	rtt      estimate.RoundTrip
	up, down passage       // of voice
	newest   int           // the last probe that they were told of
	idle     bool          // voice goes another way in any case: they are told nothing
	narrow   bool          // voice did not get through, and nothing as long as that has since
	busy     time.Duration // see Sender.ProbeEvery; 0 = probeEvery

	proof time.Duration // the latest that an answered probe was sent
	told  time.Duration // the latest that voice was sent which the relay says has come
}

type probe struct {
	at       time.Duration
	voice    uint16 // our datagrams of voice that had been sent, modulo 65536
	long     bool   // as long as voice
	answered bool
}

// next notes that a probe is sent at now, after so many datagrams of voice, and returns it.
func (p *probes) next(now time.Duration, voice uint16, long bool) netproto.Probe {
	p.sent[p.count%probeWindow] = probe{at: now, voice: voice, long: long}
	p.count++
	if !p.waiting {
		p.waiting, p.since = true, now
	}
	return netproto.Probe{Time: uint32(now.Microseconds())}
}

// due returns when the next probe is to be sent; busy is when somebody, we included, talked last, and stopped
// whether our voice is held back until an answer comes.
func (p *probes) due(busy time.Duration, stopped bool) time.Duration {
	if p.count == 0 {
		return 0
	}
	last := p.last()
	if p.talked > 0 {
		busy = max(busy, p.talked)
	}
	switch {
	case !p.answered, stopped && last-busy <= idleAfter:
		return last + probeHurry
	case p.waiting && !p.alive(last):
		return last + probeAgain
	case p.waiting && last-p.since > 0:
		return last + probeSearch
	case p.waiting:
		return last + p.rtt.Value() + lateAnswer
	case last-busy > idleAfter:
		return last + probeIdle
	case p.up.lost > 0 || p.down.lost > 0:
		return last + probeHurry
	}
	return last + p.every()
}

// every is the interval while anybody talks.
func (p *probes) every() time.Duration { return cmp.Or(p.busy, probeEvery) }

// ack takes an answer that came at now, after so many datagrams of others' voice; it reports whether it answers a
// probe that waits for one.
func (p *probes) ack(now time.Duration, a netproto.ProbeAck, voice uint16) bool {
	for i := max(0, p.count-probeWindow); i < p.count; i++ {
		s := &p.sent[i%probeWindow]
		if s.answered || uint32(s.at.Microseconds()) != a.Echo {
			continue
		}
		s.answered = true
		p.rtt.Add(now - s.at)
		p.answered, p.waiting, p.heard = true, false, now
		p.proof = max(p.proof, s.at)
		if i >= p.newest && !p.idle { // not overtaken
			if p.down.known && a.Went != p.down.sent {
				p.talked = now
			}
			p.up.answered(s.at, s.voice, a.Came)
			p.down.answered(s.at, a.Went, voice)
			p.newest = i
			p.narrow = p.up.shut || p.down.shut
		}
		if p.idle && p.passed(now) >= backMany {
			p.narrow = false
		}
		return true
	}
	return false
}

// renew begins anew with what is counted under a session, and with the path.
func (p *probes) renew() {
	p.recount()
	p.narrow = false
	p.elsewhere()
}

// recount begins anew with what is counted.
func (p *probes) recount() { p.up, p.down, p.newest = passage{}, passage{}, p.count }

// carry tells whether voice goes this way in any case.
func (p *probes) carry(voice bool) {
	if voice == p.idle {
		p.idle = !voice
		p.recount()
	}
}

// moved takes that there is another socket: what was asked by the one before is not waited for.
func (p *probes) moved() { p.waiting = false }

// last is when the last probe was sent.
func (p *probes) last() time.Duration { return p.sent[(p.count+probeWindow-1)%probeWindow].at }

// elsewhere takes that the path is another one.
func (p *probes) elsewhere() { p.rtt = estimate.RoundTrip{} }

// arrived takes that voice which was sent at that time has come to the relay.
func (p *probes) arrived(at time.Duration) { p.told = max(p.told, at) }

// silent is for how long nothing that was sent is known to have arrived, if a probe has no answer.
func (p *probes) silent(now time.Duration) time.Duration {
	if !p.waiting {
		return 0
	}
	return max(0, now-max(p.since, p.told))
}

// trial tells whether it is to be found out if the path would carry voice, which goes another way.
func (p *probes) trial(tunnelled bool) bool { return tunnelled || p.idle && p.narrow }

// long tells whether the next probe is to be as long as voice: shorter ones have been answered of late.
func (p *probes) long(now time.Duration) bool {
	return p.answered && p.silent(now) < p.rtt.Value()+2*probeReturn
}

// passed is how many of the last probes as long as voice are answered, since voice goes another way.
func (p *probes) passed(now time.Duration) (answered int) {
	asked := 0
	for i := p.count - 1; i >= max(p.newest, p.count-probeWindow) && asked < probeTrial; i-- {
		switch s := &p.sent[i%probeWindow]; {
		case s.answered && s.long:
			asked++
			answered++
		case !s.answered && now-s.at >= p.rtt.Value()+lateAnswer:
			asked++
		}
	}
	return answered
}

// state tells what the supervisor is to know.
func (p *probes) state(now time.Duration) pathState {
	return pathState{
		answered: p.answered, silent: p.silent(now), every: p.every(), rtt: p.rtt.Value(), least: p.rtt.Least(),
		shutUp: p.up.shut, shutDown: p.down.shut, narrow: p.narrow, passed: p.passed(now),
	}
}

// doubt is since when it is not known that datagrams go to the relay and back, if a probe has no answer. A probe that
// was due and could not be sent, and one that is late, says nothing.
func (p *probes) doubt() time.Duration { return max(p.heard, p.since-probeIdle) }

// alive tells whether datagrams go to the relay and back.
func (p *probes) alive(now time.Duration) bool {
	return p.answered && !(p.waiting && now-p.doubt() >= pathDead)
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
