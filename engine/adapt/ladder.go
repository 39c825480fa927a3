package adapt

import (
	"slices"
	"time"

	"github.com/tincan-voice/tincan/internal/emodel"
	"github.com/tincan-voice/tincan/internal/estimate"
	"github.com/tincan-voice/tincan/internal/repair"
	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/netproto/wire"
)

// Config says how a Ladder works. The zero value is the good default.
type Config struct {
	// Cap is the most that is sent over any second, probes, reports and resends counted. 0 = none.
	Cap wire.Kbps
	// Overhead is what IP and UDP add to a datagram in bytes. 0 = 28, as of IPv4; IPv6 has 48.
	Overhead int
	// Bitrate is the highest of Opus in bit/s. 0 = 24000.
	Bitrate int
	// Unfollowed is for those who send in their own way: nothing but the cap holds voice back.
	Unfollowed bool
}

// budget is the most that is spent on a path that loses: what 24 kbit/s of Opus take over RTP, SRTP, UDP and IP.
const budget wire.Kbps = 44

// cleanLoss is from where on a path counts as one that loses.
const cleanLoss = 0.01

// Feedback is what the relay tells a talker, in plain units.
type Feedback struct {
	Up    netproto.Outcome // to the relay, since the Feedback before
	Rate  wire.Kbps        // that came there in the last second, 0 = not known
	Queue time.Duration    // queueing delay
	Trend float64          // of it, seconds per second

	// The listeners. Nobody listens where Listeners is 0.
	Listeners int
	Down      netproto.Outcome // from the relay to the median listener, likewise
	RTT       time.Duration    // of the slowest listener to the relay
	DownQueue time.Duration    // longest of the listeners'
	DownTrend float64          // steepest of the listeners'
	DownRate  wire.Kbps        // least of the listeners with a queue, 0 = none
	Cap       wire.Kbps        // least of the listeners', 0 = none
	Jitter    time.Duration    // the listeners', see netproto.TalkerReport; 0 = not known
}

// Decision says how to send.
type Decision struct {
	Bitrate     int   // bit/s of Opus
	Stride      int   // frames per datagram
	Copies      []int // offsets in datagrams, rising; must not be changed
	CopyBitrate int   // bit/s at which copies are coded anew, 0 = they are the same frames
	Wideband    bool  // nothing above 8 kHz: as in copies coded anew, of which voice is not to be told by ear
	FEC         bool  // Opus's own, of those who send in their own way: the ladder has no use for it
	// Reason tells in a few words why: "copies {4}: 8 % loss, bursts 3.1".
	Reason string
}

// Ladder decides for one talker. Use New. One goroutine at a time may use it.
type Ladder struct {
	most    int       // bitrate
	clean   wire.Kbps // the most on a path that does not lose
	cap     wire.Kbps // sustained, 0 = none
	capped  repair.Cap
	theirs  repair.Cap // counts the voice under the least of the listeners' caps, and holds nothing back
	several bool       // listen, as far as was told last
	sent    estimate.Meter
	headers int // IP and UDP
	control controller
	brk     breaker

	up, down estimate.Fading // loss
	rtt      time.Duration   // to the relay, 0 = not known
	farRTT   time.Duration   // of the slowest listener
	any      bool            // there has been a feedback
	voiced   time.Duration   // when there was voice last
	every    time.Duration   // between two datagrams of voice
	size     float64         // of one, in bytes with headers, a mean
	unheard  time.Duration   // speech since the last feedback
	last     Feedback

	current  point
	narrow   bool // the encoder has fallen into narrowband
	encoders int  // that have been asked for
	stopped  bool // the circuit breaker is open
	reliable bool // see SetReliable
	decided  time.Duration
	hushed   bool // the decision was made without feedback
	decision Decision
	changes  int
}

// New makes a Ladder that begins at now.
func New(now time.Duration, cfg Config) *Ladder {
	l := &Ladder{most: defaultBitrate, decided: now}
	l.brk.tried, l.brk.off = now, cfg.Unfollowed
	if cfg.Bitrate > 0 {
		l.most = cfg.Bitrate
	}
	l.setHeaders(cfg.Overhead)
	l.control = controller{limit: startRate, last: now}
	l.SetCap(now, cfg.Cap)
	return l
}

// SetCap changes Config.Cap.
func (l *Ladder) SetCap(now time.Duration, most wire.Kbps) {
	l.capped.Set(most)
	l.cap = 0
	if most > 0 {
		l.cap = planned(most)
	}
	l.take(now, l.pick(), true)
}

// SetOverhead changes Config.Overhead, as the path has become another one. What was sent before stays counted with the
// headers that it had.
func (l *Ladder) SetOverhead(now time.Duration, bytes int) {
	if was := l.headers; l.setHeaders(bytes) != was {
		l.take(now, l.pick(), false)
	}
}

func (l *Ladder) setHeaders(bytes int) int {
	if bytes == 0 {
		bytes = wire.IPv4Overhead
	}
	l.headers = bytes
	l.clean = (&shape{stride: 1}).rate(bytes, float64(l.most))
	return bytes
}

// Kind is what a datagram is to the Ladder.
type Kind uint8

// The kinds of datagrams, the most important first.
const (
	Voice   Kind = iota
	Control      // probes, reports, nacks, challenge replies
	Resend       // voice that was asked for again
	Spare        // the same once more, in case that gets lost too
	Twin         // voice that goes by a second path as well: it counts under the cap, not on the path
)

// Send takes a datagram that is to go out now, size bytes without IP and UDP headers, and
// reports whether it may. Everything that is sent passes here. Voice goes while the cap
// has room for it, the rest while the next second of voice will still fit, and
// resends only within the rate that the path is known to carry and a lossy path is to get.
func (l *Ladder) Send(now time.Duration, size int, kind Kind) bool {
	size += l.headers
	var voice repair.Upcoming
	if kind == Voice {
		l.speaking(now)
		if l.stopped {
			return false
		}
		l.pace(now, size)
	} else {
		voice = repair.Upcoming{Bytes: int(fuller * l.size), Next: max(0, l.voiced+l.every-now), Every: l.every}
	}
	if kind == Twin {
		voice.Bytes += int(twinLeaves.Bytes(l.every))
	}
	switch sent := l.sent.Rate(now); { // a cap is the business of capped
	case kind == Resend && sent > min(l.carried(), budget), kind == Spare && sent > l.allowed()*spareUpTo:
		return false
	}
	if !l.capped.Send(now, size, voice) {
		return false
	}
	if kind != Twin {
		l.sent.Add(now, size)
	}
	if kind == Voice {
		l.theirs.Note(now, size)
	}
	return true
}

// speaking notes that there is speech to be sent, which has to be answered. What was not answered before a pause is no
// evidence any more.
func (l *Ladder) speaking(now time.Duration) {
	more, paused := l.brk.speaking(now)
	if paused {
		l.unheard = 0
		l.decide(now, false)
		return
	}
	if l.unheard += more; l.silent() {
		l.control.silent(min(more, l.unheard-silentAfter).Seconds(), l.brk.unanswered >= silentAfter)
	}
}

// Spoke is when there was speech to be sent last, whether it went out or not.
func (l *Ladder) Spoke() time.Duration { return l.brk.tried }

// pace learns how long datagrams of voice are and how far apart.
func (l *Ladder) pace(now time.Duration, size int) {
	if every := now - l.voiced; every <= longestEvery {
		l.every = every
		l.size += (float64(size) - l.size) / 16
	} else if l.size == 0 {
		l.every, l.size = longestEvery, float64(size)
	}
	l.voiced = now
}

const (
	spareUpTo    = 0.85                   // of what is allowed is there room for Spare
	longestEvery = 6 * wire.FrameDuration // the longest stride
	fuller       = 1.04                   // is a second with many bytes than the mean one
	twinLeaves   = 2 * repair.UpControl   // is what Twin leaves for all that is no voice, which goes by two paths as well
)

// Room is the longest datagram of voice in bytes, without IP and UDP headers, that Send
// would let out so much later than now: copies that do not fit are to be left out, and frames
// coded shorter.
func (l *Ladder) Room(now, later time.Duration) int { return l.capped.Room(now, later) - l.headers }

// ListenersRoom is about the longest that the relay would forward to the listener with the least cap: what else that
// is sent, and whether its headers are longer than ours, is not known here.
func (l *Ladder) ListenersRoom(now, later time.Duration) int {
	return l.theirs.Room(now, later) - l.headers
}

// Probed notes that the answer to a probe has come, and takes the round trip as it is known now, 0 = not known.
func (l *Ladder) Probed(rtt time.Duration) {
	l.rtt = rtt
	l.brk.word()
}

// Heard takes a feedback and reports whether the decision has changed.
func (l *Ladder) Heard(now time.Duration, f Feedback) bool {
	capBefore := l.listenersCap()
	l.any, l.unheard, l.last = true, 0, f
	if f.Listeners > 0 {
		l.several = f.Listeners > 1
	}
	if least := l.listenersCap(); least != capBefore {
		// A new account: to squeeze a whole second for what went out under the old cap would be worse than what the relay
		// leaves out.
		l.theirs = repair.Cap{}
		if least > 0 {
			l.theirs.Set(max(least-repair.DownControl, 1))
		}
	}
	l.up.Add(now, l.current.shape.stride, f.Up)
	if f.Listeners > 0 {
		l.farRTT = f.RTT
		l.down.Add(now, l.current.shape.stride, f.Down)
	}
	bytes, datagrams := l.sent.LastSecond(now)
	l.brk.report(now, l.loss(), l.rtt, float64(bytes), float64(bytes)/float64(max(datagrams, 1)))
	l.update(now, l.sent.Rate(now), f)
	return l.decide(now, true)
}

// update shows the rate controller the worse of uplink and downlink.
func (l *Ladder) update(now time.Duration, sent wire.Kbps, f Feedback) {
	s := sample{queue: f.Queue, trend: f.Trend, through: f.Rate, loss: l.loss(), rtt: l.rtt, sent: sent}
	if f.DownQueue > f.Queue {
		s.queue, s.trend, s.through = f.DownQueue, f.DownTrend, f.DownRate
		s.rtt += f.RTT
	}
	s.nominal = l.takes(&l.current)
	s.size = s.nominal.Bytes(l.current.shape.interval())
	l.control.update(now, s)
}

// Poll notes that time has gone by and reports whether the decision has changed. Call it at
// least every half second while talking.
func (l *Ladder) Poll(now time.Duration) bool {
	return l.decide(now, false)
}

// silent tells whether feedback has been missing for too long.
func (l *Ladder) silent() bool { return l.any && l.unheard > silentAfter }

// Decision returns what is in force.
func (l *Ladder) Decision() Decision { return l.decision }

// Stopped tells whether no voice is to be sent, only probes: the circuit breaker is open.
func (l *Ladder) Stopped() bool { return l.stopped }

// SetReliable tells whether the path is a tunnel through TCP, which loses nothing: then neither copies nor resends are of use.
func (l *Ladder) SetReliable(now time.Duration, reliable bool) {
	if l.reliable != reliable {
		l.reliable = reliable
		l.take(now, l.pick(), false)
	}
}

// Encoders is how often a new encoder was needed: after a bitrate below 8.5 kbit/s libopus would stay in narrowband
// far above it.
func (l *Ladder) Encoders() int { return l.encoders }

// Changes is how many decisions there have been.
func (l *Ladder) Changes() int { return l.changes }

// Stats is what a Ladder knows of the path.
type Stats struct {
	Limit wire.Kbps     // what may be sent
	Sent  wire.Kbps     // what was sent in the last second
	RTT   time.Duration // to the relay
	Loss  float64       // share of datagrams lost on the way to a typical listener, before repair
	Burst float64       // mean run of losses, in frames
}

// Stats returns the present figures.
func (l *Ladder) Stats(now time.Duration) Stats {
	n := l.network()
	return Stats{
		Limit: l.limit(), Sent: l.sent.Rate(now), RTT: l.rtt,
		Loss: n.channel.Loss, Burst: n.channel.Burst(1),
	}
}

// loss is the loss of the whole way to a typical listener.
func (l *Ladder) loss() float64 { return 1 - (1-l.up.Fraction())*(1-l.down.Fraction()) }

// limit is what the path, the user and the listeners' caps allow.
func (l *Ladder) limit() wire.Kbps {
	if l.cap > 0 {
		return min(l.carried(), l.cap)
	}
	return l.carried()
}

// carried is that without the user's cap.
func (l *Ladder) carried() wire.Kbps {
	if least := l.listenersCap(); least > 0 {
		return min(l.control.limit, planned(least))
	}
	return l.control.limit
}

// planned is what voice and resends may take below a cap.
func planned(cap wire.Kbps) wire.Kbps { return max(repair.Sustained(cap)-repair.UpControl, 1) }

// listenersCap is the least of the listeners' caps, or of the parts that they have for this talker, 0 = none. Where
// there are others, one listener's cap does not go below repair.LeastPart.
func (l *Ladder) listenersCap() wire.Kbps {
	if l.last.Cap == 0 || !l.several {
		return l.last.Cap
	}
	return max(l.last.Cap, repair.LeastPart)
}

// network puts together what points are judged against.
func (l *Ladder) network() network {
	up, down := l.up.Channel(), l.down.Channel()
	n := network{narrow: l.narrow, most: l.most, headers: l.headers, channel: up.Series(down), oneWay: (l.rtt + l.farRTT) / 2, spread: max(l.last.Jitter, arrivalSpread)}
	// Resends cross the hop that loses; where both do, the longer way decides.
	if up.Loss > 0.2*n.channel.Loss {
		n.rtt = max(l.rtt, time.Millisecond)
	}
	if down.Loss > 0.2*n.channel.Loss {
		n.rtt = max(n.rtt, l.farRTT, time.Millisecond)
	}
	n.resent = l.resent()
	if l.reliable {
		n.channel, n.rtt = estimate.Channel{}, 0
	}
	return n
}

// arrivalSpread is what any jitter buffer holds back at least.
const arrivalSpread = 10 * time.Millisecond

// resent is the share of what is sent for which room is left for resends: what the hop that loses more does. Below a
// cap it is twice that, since losses come unevenly and there is no other room.
func (l *Ladder) resent() float64 {
	share := max(l.up.Fraction(), l.down.Fraction())
	if l.cap > 0 || l.last.Cap > 0 {
		share *= 2
	}
	return min(share, mostResent)
}

// mostResent: repair.Resender answers no more.
const mostResent = 0.5

// takes is the rate of a point, with what is resent.
func (l *Ladder) takes(p *point) wire.Kbps {
	rate := p.shape.rate(l.headers, float64(p.bitrate))
	if p.resend {
		rate *= wire.Kbps(1 + l.resent())
	}
	return rate
}

// pick chooses the best point for what is known.
func (l *Ladder) pick() point {
	if l.current.shape == nil {
		l.current.shape = &shapes[0]
	}
	n := l.network()
	return choose(&n, l.allowed())
}

// allowed is the limit, and on a path that loses the budget.
func (l *Ladder) allowed() wire.Kbps {
	most := l.clean
	if loss := l.loss(); loss >= cleanLoss || len(l.current.shape.copies) > 0 {
		most = budget
	}
	return min(most, l.limit())
}

// Figures of the hysteresis.
const (
	margin   = 1.0             // points of R that a change must bring
	decisive = 6.0             // or this, and it is made at once
	dwell    = 2 * time.Second // between changes that can wait
	slack    = 1.03            // of the limit may be exceeded before it is urgent
	retune   = 0.12            // change of the bitrate alone that is worth making
)

// decide changes the decision if that is urgent, or, with news, if it is worth it.
func (l *Ladder) decide(now time.Duration, news bool) bool {
	if stop, _ := l.brk.tripped(now); stop != l.stopped {
		l.stopped = stop
		return l.take(now, l.pick(), true)
	}
	if l.stopped { // nothing is sent, so there is nothing to decide
		return false
	}
	if l.hushed && !l.silent() { // feedback again: what was decided without it, and why, holds no longer
		return l.take(now, l.pick(), true)
	}
	if l.current.shape.rate(l.headers, float64(l.current.bitrate)) > l.allowed()*slack { // resends stop by themselves
		return l.take(now, l.pick(), false)
	}
	if !news {
		return false
	}
	best := l.pick()
	n := l.network()
	l.current.judge(&n)
	gain := best.value - l.current.value
	worth := gain >= margin
	if best.shape == l.current.shape && best.resend == l.current.resend {
		worth = float64(best.bitrate-l.current.bitrate) >= retune*float64(l.current.bitrate)
	}
	if !worth || gain < decisive && now-l.decided < dwell {
		return false
	}
	return l.take(now, best, false)
}

// take makes a point the decision and reports whether that is a change.
func (l *Ladder) take(now time.Duration, p point, always bool) bool {
	same := p.shape == l.current.shape && p.bitrate == l.current.bitrate && p.resend == l.current.resend
	l.current = p
	if same && !always {
		return false
	}
	l.decided, l.hushed = now, l.silent()
	l.changes++
	fresh := l.narrow && p.bitrate >= emodel.WideFrom
	l.narrow = l.narrow && !fresh || p.bitrate < emodel.WideDownTo
	if fresh {
		l.encoders++
	}
	l.decision = Decision{
		Bitrate: p.bitrate, Stride: p.shape.stride, Copies: slices.Clip(p.shape.copies), CopyBitrate: p.shape.coarse,
		Wideband: p.shape.coarse > 0,
	}
	l.decision.Reason = l.reason()
	return true
}
