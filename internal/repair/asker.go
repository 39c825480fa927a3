package repair

import "time"

// Twin is how far apart an Asker asks twice on a path that loses, since the question and the answer are lost as often as
// what is asked for.
const Twin = 10 * time.Millisecond

// Figures of an Asker.
const (
	askSlots = 64 // numbers that are remembered: 1.28 s
	// askTries is how often one datagram is asked for at most.
	askTries = 4
	// askRate and askDepth bound what is asked for, in datagrams per second and at once. Above
	// 40 % of loss asking is the wrong tool; an outage is no reason for a storm.
	askRate, askDepth = 40, 24
	// copiedRate and copiedDepth do where the talker sends copies, which mend the most: one datagram in twelve where two
	// frames share one.
	copiedRate, copiedDepth = 2, 8
	// silenceAfter is the gap in numbers that is taken for silence whose beginning was
	// lost, rather than for loss: 1 s.
	silenceAfter = 50
	// longestRun bounds the loss that one gap is counted as, in numbers: 320 ms. Longer
	// ones are as likely a pause whose beginning was lost.
	longestRun = 16
	// maxStride is the most frames that share a datagram.
	maxStride = 6
	// strideProof is how many steps in a row without a single one in the old stride are
	// a new stride.
	strideProof = 4

	firstWait  = 5 * time.Millisecond
	leastWait  = 3 * time.Millisecond
	mostWait   = 80 * time.Millisecond
	assumedRTT = 100 * time.Millisecond
)

// Arrival says what a datagram was to the Asker.
type Arrival uint8

// The kinds of arrivals.
const (
	Newest  Arrival = iota // the highest number so far
	Overdue                // it filled a gap by itself, having been overtaken
	Resent                 // it filled a gap because it was asked for
	Known                  // it filled none: a duplicate, or too old
)

// AskerStats are totals.
type AskerStats struct {
	Received  uint64 // datagrams that came by themselves
	Lost      uint64 // datagrams that did not while later ones did
	Resent    uint64 // of these, how many came when asked for
	Asked     uint64 // numbers asked for, repeats counted
	GivenUp   uint64 // lost ones that did not come, or would have come too late
	Throttled uint64 // times that the budget put asking off
}

// Asker finds what is missing in the sequence of one talker's datagrams and says when to
// ask for it again.
//
// A gap is asked for after a short wait, in case the network has only changed the
// order; how long is learned, as RACK (RFC 8985) learns its reordering window. Another
// time follows when a round trip and a margin have gone by without an answer. On a path that
// loses, a datagram is asked for as soon as it is overdue (pace), and each time twice. What copies
// inside later datagrams bring is not asked for (Copies). What would come too late is given up, and
// the total is bounded by a budget.
//
// Sequence numbers count frames and go on in silence, when nothing is sent. A
// datagram without voice whose level is silence ends a talkspurt (talkers send two of
// them), and no gap behind it is a loss. The stride of the datagrams is learned: when four
// steps in a row are multiples of a longer one, it is the stride. Until that is clear, gaps
// are not yet counted as loss, though asked for at once; a talker ignores
// numbers that it never used.
type Asker struct {
	started bool
	highest uint32
	speech  bool   // the newest datagram was inside a talkspurt
	stride  uint32 // in force, 0 until known
	doubt   doubt

	gaps [askSlots]gap
	open int           // gaps that are not closed
	next time.Duration // when Poll has something to do, if open > 0

	rtt, patience time.Duration
	wait          time.Duration
	copies        uint32 // how many numbers later the first copy of a datagram comes; 0: none does
	pace          pace
	missed        uint32        // number of the last datagram that was overdue
	lossy         bool          // so much is lost that waiting for later datagrams would be a waste of time
	looked        time.Duration // when that was judged
	budget        Bucket
	loss          Loss
	stats         AskerStats
}

// doubt is a row of steps, all longer than the stride and multiples of unit: either all
// have losses in them, or the stride has changed.
type doubt struct {
	steps [strideProof]uint32
	n     int
	unit  uint32
}

type gap struct {
	open  bool
	guess bool // nothing later has come yet
	seq   uint32
	tries uint8
	found time.Duration // when it was noticed
	due   time.Duration // when it should have come
	first time.Duration // when it was asked for
	asked time.Duration // the last time
}

// SetPath sets the round trip to the side that is asked (0 = not known yet: 100 ms) and
// how long after its time a datagram is still of use; see Patience.
func (a *Asker) SetPath(rtt, patience time.Duration) {
	a.rtt, a.patience = rtt, patience
}

// Arrived notes a datagram that came at now. speech is false for one that has no
// voice and the level of silence.
func (a *Asker) Arrived(now time.Duration, seq uint32, speech bool) Arrival {
	if !a.started {
		a.started, a.highest, a.speech, a.wait = true, seq, speech, firstWait
		a.budget.Set(now, askRate, askDepth)
		a.receive(now)
		return Newest
	}
	step := seq - a.highest
	if int32(step) <= 0 {
		return a.filled(now, seq)
	}
	again := a.guessed(now, seq)
	if a.speech && step <= silenceAfter {
		a.step(now, seq, step)
	} else {
		a.settle(now)
	}
	a.highest, a.speech = seq, speech
	if again {
		a.stats.Lost++
		a.stats.Resent++
		a.loss.Lost(now, 1)
		return Resent
	}
	a.pace.arrived(now, seq)
	a.receive(now)
	a.look(now)
	return Newest
}

func (a *Asker) receive(now time.Duration) {
	a.stats.Received++
	a.loss.Received(now)
}

// step judges a step forward inside a talkspurt.
func (a *Asker) step(now time.Duration, seq, step uint32) {
	stride := max(a.stride, 1)
	if step <= stride {
		a.settle(now)
		a.stride = step
		return
	}
	a.miss(now, seq, stride)
	d := &a.doubt
	d.steps[d.n] = step
	d.n++
	if d.unit = gcd(step, d.unit); d.unit <= stride {
		a.settle(now)
	} else if d.n == strideProof {
		if d.unit <= maxStride {
			a.stride = d.unit
			a.forget()
		}
		a.settle(now)
	}
}

// gcd is the greatest common divisor; that of n and 0 is n.
func gcd(n, m uint32) uint32 {
	for m != 0 {
		n, m = m, n%m
	}
	return n
}

// settle counts the losses in the steps that were in doubt.
func (a *Asker) settle(now time.Duration) {
	for _, step := range a.doubt.steps[:a.doubt.n] {
		a.count(now, step)
	}
	a.doubt = doubt{}
}

// forget closes the gaps that a new stride has shown to be none.
func (a *Asker) forget() {
	for i := range a.gaps {
		if g := &a.gaps[i]; (a.highest-g.seq)%a.stride != 0 {
			a.close(g)
		}
	}
}

// count counts the datagrams left out by a step. One that is no multiple of the stride
// has a change of the stride in it, so the rest of the division is no loss.
func (a *Asker) count(now time.Duration, step uint32) {
	n := int(min(step, longestRun+1)/max(a.stride, 1)) - 1
	if n > 0 {
		a.stats.Lost += uint64(n)
		a.loss.Lost(now, n)
	}
}

// miss opens gaps for the numbers between the highest one and seq. Where the stride
// does not divide the step it has changed there, and any of them may be a datagram.
func (a *Asker) miss(now time.Duration, seq, stride uint32) {
	if (seq-a.highest)%stride != 0 {
		stride = 1
	}
	for n := a.highest + stride; n != seq; n += stride {
		g := &a.gaps[n%askSlots]
		if g.open && g.seq == n {
			if g.guess = false; g.tries > 0 {
				a.pace.right()
			}
			continue
		}
		a.close(g)
		*g = gap{open: true, seq: n, found: now, due: now - time.Duration(seq-n)*FrameDuration}
		a.open++
	}
	a.next = now
}

// filled judges a datagram that is not the newest.
func (a *Asker) filled(now time.Duration, seq uint32) Arrival {
	g := &a.gaps[seq%askSlots]
	if !g.open || g.seq != seq {
		return Known
	}
	a.close(g)
	if g.tries > 0 && now-g.first >= a.roundTrip()/2 {
		a.stats.Resent++
		a.wait = max(a.wait-a.wait/8, leastWait)
		return Resent
	}
	a.wait = min(max(a.wait, now-g.found+2*time.Millisecond), mostWait)
	a.receive(now)
	a.settle(now)
	a.stats.Lost -= min(a.stats.Lost, 1)
	a.loss.Found(now)
	return Overdue
}

// Have notes that frame number is there by another way, such as a copy, so that a
// datagram of that number need not be asked for. It still counts as lost.
func (a *Asker) Have(number uint32) {
	if g := &a.gaps[number%askSlots]; g.open && g.seq == number {
		a.close(g)
	}
}

// Copies says how many numbers later the first copy of a datagram comes, 0 where there are no copies. A datagram
// whose copy comes well before an answer would, is not asked for unless that is missing too; and with copies, what
// is lost is left to them but for a little.
func (a *Asker) Copies(now time.Duration, later uint32) {
	switch {
	case a.stride == 0: // they cannot be told from new frames yet
		return
	case a.copies == 0 && later > 0:
		a.budget.Set(now, copiedRate, copiedDepth)
	case a.copies > 0 && later == 0:
		a.budget.Set(now, askRate, askDepth)
	}
	a.copies = later
}

func (a *Asker) close(g *gap) {
	if g.open {
		g.open = false
		a.open--
	}
}

func (a *Asker) roundTrip() time.Duration {
	if a.rtt <= 0 {
		return assumedRTT
	}
	return a.rtt
}

// Poll appends to dst the numbers to ask for now, rising. They count as asked for.
func (a *Asker) Poll(now time.Duration, dst []uint32) []uint32 {
	a.guess(now)
	if a.open == 0 || now < a.next {
		return dst
	}
	a.next = now + time.Hour
	for i := range uint32(askSlots) {
		g := &a.gaps[(a.highest+1+i)%askSlots]
		if !g.open {
			continue
		}
		ask, next := a.judge(now, g)
		if ask && !a.budget.Take(now, 1) {
			a.stats.Throttled++
			ask, next = false, a.budget.When(now, 1)
		}
		if ask {
			if g.tries++; g.tries == 1 {
				g.first = now
			}
			g.asked = now
			a.stats.Asked++
			dst = append(dst, g.seq)
			next = now + a.pause(g)
		}
		if g.open {
			a.next = min(a.next, next)
		}
	}
	return dst
}

// judge tells whether to ask for a gap now, or else when to look at it again. It closes
// the gap when there is nothing more to hope for.
func (a *Asker) judge(now time.Duration, g *gap) (ask bool, next time.Duration) {
	tooLate := g.due + a.patience // to be of use
	ready := g.found
	if !g.guess {
		ready += a.wait
	}
	if g.tries > 0 {
		ready = g.asked + a.pause(g)
	} else if at := a.copied(g); at+a.roundTrip() <= tooLate {
		ready = max(ready, at)
	}
	switch {
	case max(now, ready)+a.roundTrip() <= tooLate && g.tries < askTries:
		return now >= ready, ready
	case g.tries > 0 && now < tooLate:
		return false, tooLate // the answer may still come
	}
	if g.tries > 0 {
		a.wait = max(a.wait-a.wait/8, leastWait)
	}
	a.stats.GivenUp++
	a.close(g)
	return false, 0
}

// copied is when the first copy of what is missing should be there, and 0 where it is not worth waiting for.
func (a *Asker) copied(g *gap) time.Duration {
	wait := time.Duration(a.copies) * FrameDuration
	carrier := &a.gaps[(g.seq+a.copies)%askSlots]
	if a.copies == 0 || wait > a.roundTrip()/2 || carrier.open && carrier.seq == g.seq+a.copies {
		return 0
	}
	return g.due + wait + a.pace.timeout()
}

// pause is how long to wait before the next try.
func (a *Asker) pause(g *gap) time.Duration {
	if a.lossy && g.tries%2 == 1 {
		return Twin
	}
	return a.again()
}

// again is how long an answer may take before the question is repeated.
func (a *Asker) again() time.Duration {
	rtt := a.roundTrip()
	return rtt + rtt/4 + 10*time.Millisecond
}

// NextDeadline is when Poll should be called next, and false if there is no need.
func (a *Asker) NextDeadline() (time.Duration, bool) {
	seq, ok := a.expected()
	if !ok {
		return a.next, a.open > 0
	}
	at := a.due(seq) + a.pace.timeout()
	if a.open > 0 {
		at = min(at, a.next)
	}
	return at, true
}

// Stride is the number of frames that the talker's datagrams are apart.
func (a *Asker) Stride() int { return int(max(a.stride, 1)) }

// Loss is what was lost in the last span, before resends.
func (a *Asker) Loss(now, span time.Duration) Losses { return a.loss.Over(now, span) }

// Stats returns the totals.
func (a *Asker) Stats() AskerStats { return a.stats }
