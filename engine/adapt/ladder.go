package adapt

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/internal/estimate"
	"github.com/tincan-voice/tincan/internal/repair"
	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/netproto/wire"
)

// Config says how a Ladder works. The zero value is the good default.
type Config struct {
	// Cap is the most that is sent over any second, probes, reports and resends counted. 0 = none.
	Cap wire.Kbps
	// Bitrate is the highest of Opus in bit/s. 0 = 24000.
	Bitrate int
	// Overhead is what IP and UDP add to a datagram in bytes. 0 = 28, as of IPv4; IPv6 has 48.
	Overhead int
	// Reliable is a path that loses nothing, as a tunnel through TCP: neither copies nor resends are of use there.
	Reliable bool
	// Fixed is how those send who do so in their own way: nothing but the cap holds their voice back. nil = as the
	// ladder decides.
	Fixed *Decision
}

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
	// Reason tells in a few words why, as of when it is read: "copies {4} at 16k x 2: 8 % loss, bursts 3.1".
	Reason string
}

// Ladder decides for one talker. Use New. One goroutine at a time may use it.
type Ladder struct {
	cfg     Config // with its defaults
	capped  repair.Cap
	theirs  repair.Cap // counts the voice under the least of the listeners' caps, and holds nothing back
	sent    estimate.Meter
	control controller
	brk     breaker

	up, down estimate.Fading // loss
	rtt      time.Duration   // to the relay, 0 = not known
	farRTT   time.Duration   // of the slowest listener
	last     Feedback

	now     time.Duration // of the last look
	begins  bool          // too little is known of the path
	current point
	decided time.Duration // when it became that
	stopped bool          // the circuit breaker is open
	changes int
}

// New makes a Ladder that begins at now.
func New(now time.Duration, cfg Config) *Ladder {
	cfg.Bitrate = cmp.Or(cfg.Bitrate, codec.DefaultBitrate)
	l := &Ladder{cfg: cfg, brk: breaker{spoke: now}, current: smallest, control: controller{limit: tuned.startRate, last: now}}
	if f := cfg.Fixed; f != nil {
		l.current = point{shape: &shape{stride: f.Stride, copies: f.Copies}, bitrate: f.Bitrate}
	}
	l.capped.Set(cfg.Cap)
	l.SetPath(now, cfg.Overhead, cfg.Reliable)
	return l
}

// SetPath changes Config.Overhead and Config.Reliable. What was sent before stays counted with the headers that it had.
func (l *Ladder) SetPath(now time.Duration, overhead int, reliable bool) {
	l.cfg.Overhead, l.cfg.Reliable = cmp.Or(overhead, wire.IPv4Overhead), reliable
	l.decide(now, 0)
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
	size += l.cfg.Overhead
	var voice repair.Upcoming
	if kind == Voice {
		if missing := l.brk.speaking(now); missing > 0 {
			l.control.silent(missing.Seconds(), l.brk.unanswered >= tuned.silentAfter)
		}
		if l.Stopped() {
			if l.Poll(now); l.Stopped() { // until there was a pause
				return false
			}
		}
	} else {
		s := l.current.shape
		every, rate := s.interval(), s.rate(l.cfg.Overhead, l.current.bitrate)
		if kind == Twin { // and twice what is no voice, which goes by two paths as well
			rate += 2 * repair.UpControl
		}
		voice = repair.Upcoming{Bytes: int(rate.Bytes(every)), Next: max(0, l.brk.spoke+every-now), Every: every}
	}
	most := min(l.Limit(), tuned.budget)
	if kind == Resend && l.sent.Rate(now) > most || kind == Spare && l.sent.Rate(now) > most*wire.Kbps(tuned.spareUpTo) {
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

// Spoke is when there was speech to be sent last, whether it went out or not.
func (l *Ladder) Spoke() time.Duration { return l.brk.spoke }

// Room is the longest datagram of voice in bytes, without IP and UDP headers, that Send would let out so much later
// than now, and the relay would forward to the listener with the least cap, about: what else that is sent, and whether
// its headers are longer than ours, is not known here. Copies that do not fit are to be left out, and frames coded
// shorter.
func (l *Ladder) Room(now, later time.Duration) int {
	return min(l.capped.Room(now, later), l.theirs.Room(now, later)-int(repair.DownControl.Bytes(time.Second))) - l.cfg.Overhead
}

// Probed notes that the answer to a probe has come, and takes the round trip as it is known now, 0 = not known.
func (l *Ladder) Probed(rtt time.Duration) {
	l.rtt = rtt
	l.brk.unanswered = 0
}

// Heard takes a feedback and reports whether the decision has changed.
func (l *Ladder) Heard(now time.Duration, f Feedback) bool {
	l.last, l.now = f, now
	if l.cfg.Fixed == nil {
		l.theirs.Set(l.listenersCap())
	}
	l.up.Add(now, l.current.shape.stride, f.Up)
	if f.Listeners > 0 {
		l.farRTT = f.RTT
		l.down.Add(now, l.current.shape.stride, f.Down)
	}
	l.brk.unheard, l.brk.unanswered = 0, 0
	l.control.update(now, l.sample(now))
	changing := tuned.margin
	if now-l.decided < tuned.dwell {
		changing = tuned.decisive
	}
	return l.decide(now, changing)
}

// sample is what the rate controller is shown: the worse of uplink and downlink.
func (l *Ladder) sample(now time.Duration) sample {
	f, n := &l.last, l.network()
	s := sample{
		queue: f.Queue, trend: f.Trend, through: f.Rate, rtt: l.rtt, loss: l.measured().Loss,
		sent: l.sent.Rate(now), nominal: l.current.takes(&n), every: l.current.shape.interval(),
	}
	if f.DownQueue > f.Queue {
		s.queue, s.trend, s.through = f.DownQueue, f.DownTrend, f.DownRate
		s.rtt += f.RTT
	}
	return s
}

// Poll notes that time has gone by and reports whether the decision has changed. Call it at
// least every half second while talking.
func (l *Ladder) Poll(now time.Duration) bool {
	l.now = now
	return l.decide(now, math.Inf(1))
}

// Decision returns what is in force.
func (l *Ladder) Decision() Decision {
	if l.cfg.Fixed != nil {
		return *l.cfg.Fixed
	}
	p := l.current
	return Decision{
		Bitrate: p.bitrate, Stride: p.shape.stride, Copies: slices.Clip(p.shape.copies), CopyBitrate: p.shape.coarse,
		Wideband: p.shape.coarse > 0, Reason: l.reason(),
	}
}

// Stopped tells whether no voice is to be sent, only probes: the circuit breaker is open.
func (l *Ladder) Stopped() bool { return l.stopped }

// Changes is how many decisions there have been.
func (l *Ladder) Changes() int { return l.changes }

// Stats is what a Ladder knows of the path.
type Stats struct {
	Limit wire.Kbps     // what may be sent
	Sent  wire.Kbps     // what was sent in the last second
	RTT   time.Duration // to the relay
	Loss  float64       // share of datagrams lost on the way to a typical listener, before repair
	Burst float64       // mean run of losses, in frames
	Up    float64       // share of datagrams lost on the way to the relay
}

// Stats returns the present figures.
func (l *Ladder) Stats(now time.Duration) Stats {
	channel := l.measured()
	return Stats{
		Limit: l.Limit(), Sent: l.sent.Rate(now), RTT: l.rtt,
		Loss: channel.Loss, Burst: channel.Burst(), Up: l.up.Channel().Loss,
	}
}

// measured is what is lost on the whole way, as far as is known.
func (l *Ladder) measured() estimate.Channel {
	if l.cfg.Reliable {
		return estimate.Channel{}
	}
	return l.up.Channel().Series(l.down.Channel())
}

// Limit is what the path, the user and the listeners' caps allow.
func (l *Ladder) Limit() wire.Kbps {
	return min(l.control.limit, planned(l.listenersCap()), planned(l.cfg.Cap))
}

// planned is what voice and resends may take below a cap.
func planned(cap wire.Kbps) wire.Kbps {
	if cap == 0 {
		return wire.Kbps(math.Inf(1))
	}
	return max(repair.Sustained(cap)-repair.UpControl, 1)
}

// listenersCap is the least of the listeners' caps, or of the parts that they have for this talker, 0 = none. Where
// there are others, one listener's cap does not go below repair.LeastPart.
func (l *Ladder) listenersCap() wire.Kbps {
	if l.last.Cap == 0 || l.last.Listeners == 1 {
		return l.last.Cap
	}
	return max(l.last.Cap, repair.LeastPart)
}

// network puts together what points are judged against. What is not known yet of the loss is assumed.
func (l *Ladder) network() network {
	up, down := l.up.Channel(), l.down.Channel()
	n := network{
		most: l.cfg.Bitrate, headers: l.cfg.Overhead, channel: up.Series(down), oneWay: (l.rtt + l.farRTT) / 2,
		spread: max(l.last.Jitter, tuned.arrivalSpread), rtt: l.rtt, resent: max(up.Loss, down.Loss),
	}
	if down.Loss > up.Loss { // resends cross the hop that loses
		n.rtt = l.farRTT
	}
	if l.cfg.Cap > 0 || l.last.Cap > 0 { // losses come unevenly, and there is no other room
		n.resent *= 2
	}
	if l.begins {
		n.channel.Loss += (tuned.assumedLoss - n.channel.Loss) * max(0, 1-l.known()/tuned.enough)
	}
	if n.channel.Loss == 0 || l.cfg.Reliable {
		n.channel, n.rtt = estimate.Channel{}, 0
	}
	return n
}

// known is of how many datagrams it is known whether they were lost, on either hop; only on the first if nobody
// listens, or for those of which every listener should have told by now.
func (l *Ladder) known() float64 {
	known := l.up.Known(l.now)
	if l.last.Listeners > 0 {
		known = min(known, max(known-tuned.untold, 0)+l.down.Known(l.now))
	}
	return known
}

// decide chooses anew and reports whether that is a change; changing is what one costs, in points of R.
func (l *Ladder) decide(now time.Duration, changing float64) bool {
	if l.cfg.Fixed != nil {
		return false
	}
	before, stopped := l.current, l.stopped
	if l.stopped = l.brk.stops(); !l.stopped {
		if known := l.known(); l.begins && known >= tuned.enough || !l.begins && known < tuned.enough/2 {
			l.begins, changing = !l.begins, 0
		}
		n := l.network()
		l.current = choose(&n, l.Limit(), before, changing)
	}
	if l.current == before && l.stopped == stopped {
		return false
	}
	l.decided = now
	l.changes++
	return true
}
