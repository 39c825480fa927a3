package repair

import (
	"cmp"
	"time"

	"github.com/tincan-voice/tincan/internal/estimate"
	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/netproto/wire"
)

// Twin is how far apart an Asker asks twice on a path that loses, since the question and the answer are lost as
// often as what is asked for.
const Twin = 10 * time.Millisecond

// slots is how many datagrams are remembered: half of the counts, so that old and new are told apart, and more than the
// 50 of a second. tries is how often one is asked for, and sent again, at most.
const slots, tries = wire.HopCounts / 2, 4

// AssumedRTT is a round trip that is not known yet.
const AssumedRTT = 100 * time.Millisecond

// Datagram is what an Asker is told of a datagram of voice.
type Datagram struct {
	Seq    uint32 // of its newest frame, counting 20 ms
	Count  uint8  // of the hop, modulo wire.HopCounts
	Again  bool   // sent on this hop before
	Speech bool   // false for one without voice at the level of silence, which ends a talkspurt
}

// Ask is a datagram that is to be asked for.
type Ask struct {
	Count uint8
	Seq   uint32 // its newest frame, as far as that can be told
}

// Asker finds what one hop has lost of a talker's datagrams and says when to ask for it
// again. The counts of the hop have no gap but loss, so what is missing is known at once, whatever the
// talker's stride and its silences.
//
// A gap is asked for when its datagram is overdue (pace), in case the network has only changed the
// order. Another time follows when a round trip and a margin have gone by without an answer. On a path that
// loses, it is not waited for a later datagram to show the gap, and each time is two. What copies
// inside later datagrams bring is not asked for (Copies). What would come too late is given up, so that an outage
// is no reason for a storm.
//
// From the same datagrams it learns how long the path's queue is.
type Asker struct {
	receipt netproto.Receipt
	newest  uint32 // count of the newest datagram, without the modulo
	highest uint32 // highest sequence number
	speech  bool   // the newest datagram was inside a talkspurt
	last    uint32 // nothing is sent after this one for now; see Last
	stride  uint32 // frames between the last two datagrams, 0 until known

	gaps [slots]gap    // by count
	open int           // gaps that are not closed
	next time.Duration // when Poll has something to do, if open > 0

	rtt, patience time.Duration
	copies        uint32 // how many frames later the first copy of a datagram comes; 0: none does
	queue         estimate.Queue
	pace          pace
	missed        uint32 // how many datagrams after the newest are overdue
}

type gap struct {
	open  bool
	count uint32 // without the modulo
	seq   uint32 // its newest frame, as far as that can be told
	tries uint8
	due   time.Duration // when it should have come
	next  time.Duration // when to judge it again
}

// SetPath sets the round trip to the side that is asked (0 = not known yet) and how
// long after its time a datagram is still of use; see Patience.
func (a *Asker) SetPath(rtt, patience time.Duration) {
	a.rtt, a.patience = cmp.Or(rtt, AssumedRTT), patience
}

// Resync has the next datagram begin anew: what was sent before it was not meant for us.
func (a *Asker) Resync() {
	a.receipt, a.speech, a.missed = netproto.Receipt{}, false, 0
	for i := range a.gaps {
		a.close(&a.gaps[i])
	}
}

// Arrived notes a datagram that came at now, and tells whether it is newest: it came by itself and has newer frames
// than all before it.
func (a *Asker) Arrived(now time.Duration, d Datagram) (newest bool) {
	ahead := int(d.Count-uint8(a.newest)) & (wire.HopCounts - 1)
	if ahead > wire.HopCounts/2 {
		ahead -= wire.HopCounts
	}
	if a.receipt.Reach == 0 {
		a.highest = d.Seq - 1
	}
	frames := int32(d.Seq - a.highest)
	if a.receipt.Reach == 0 || !d.Again && frames > 0 && ahead <= 0 || ahead > max(int(frames), 0)+tries {
		// The first; or older than what it follows, or more datagrams than frames, and than a hop before ours may have been
		// late with: what was left out was not lost. A relay goes on so when it ends an exception that it made for this
		// listener.
		a.Resync()
		a.newest, ahead = wire.HopCounts+uint32(d.Count)-1, 1
	}
	a.filled(now, a.newest+uint32(ahead), d)
	a.note(d, ahead)
	if ahead <= 0 {
		return false
	}
	a.miss(now, d.Seq, ahead)
	a.newest += uint32(ahead)
	a.missed -= min(a.missed, uint32(ahead))
	if frames <= 0 {
		return false
	}
	if ahead == 1 && a.speech && d.Speech && frames <= wire.MaxStride {
		a.stride = uint32(frames)
	}
	a.highest, a.speech = d.Seq, d.Speech && d.Seq > a.last
	if d.Again {
		return false
	}
	a.pace.arrived(now, d.Seq)
	a.queue.Arrived(now, sentAt(d.Seq))
	return true
}

// note enters a datagram, so many further than the newest one before it, into the receipt.
func (a *Asker) note(d Datagram, ahead int) {
	r := &a.receipt
	if ahead > 0 {
		r.Seq, r.Count, r.Reach = d.Seq, d.Count, uint8(min(int(r.Reach)+ahead, netproto.ReceiptReach))
		r.Came.Shift(ahead)
	}
	if back := max(-ahead, 0); !d.Again && back < int(r.Reach) {
		r.Came.Set(back)
	}
}

// Receipt tells which datagrams have come by themselves. It is the Asker's.
func (a *Asker) Receipt() *netproto.Receipt { return &a.receipt }

// miss opens gaps for the datagrams between the newest one and the one that came, which is so many further
// and has frame seq. Their frames are told from where it stands: before it there may have been a pause.
func (a *Asker) miss(now time.Duration, seq uint32, ahead int) {
	frames := max(int32(seq-a.highest), 0)
	step := max(uint32(frames)/uint32(ahead), 1)
	if a.stride > 0 {
		step = min(step, a.stride)
	}
	for i := uint32(1); i < uint32(ahead); i++ {
		n, behind := a.newest+i, (uint32(ahead)-i)*step
		a.openGap(gap{count: n, seq: seq - behind, next: now + leastTimeout, due: now - time.Duration(behind)*wire.FrameDuration})
	}
}

// openGap opens one gap, unless it has been missed before.
func (a *Asker) openGap(g gap) {
	slot := &a.gaps[g.count%slots]
	if slot.open && slot.count == g.count {
		return
	}
	a.close(slot)
	g.open = true
	*slot = g
	a.open, a.next = a.open+1, min(a.next, g.next)
}

// filled closes the gap of a datagram, if there is one, and learns from it.
func (a *Asker) filled(now time.Duration, count uint32, d Datagram) {
	g := &a.gaps[count%slots]
	if !g.open || g.count != count {
		return
	}
	a.close(g)
	if d.Again {
		a.pace.right()
		return
	}
	a.pace.wrong(now - g.due)
	a.queue.Arrived(now, sentAt(d.Seq))
}

// Have notes that a frame is there by another way, such as a copy, so that its datagram
// need not be asked for. It still counts as lost.
func (a *Asker) Have(frame uint32) { a.close(a.gapOf(frame)) }

// gapOf returns the open gap of the datagram whose newest frame that is, or nil.
func (a *Asker) gapOf(frame uint32) *gap {
	if a.open == 0 {
		return nil
	}
	for i := range a.gaps {
		if g := &a.gaps[i]; g.open && g.seq == frame {
			return g
		}
	}
	return nil
}

// Copies says how many frames later the first copy of a datagram comes, 0 where there are no copies. A datagram
// whose copy comes well before an answer would, is not asked for unless that is missing too.
func (a *Asker) Copies(later uint32) {
	if a.stride > 0 { // else they cannot be told from new frames yet
		a.copies = later
	}
}

func (a *Asker) close(g *gap) {
	if g != nil && g.open {
		g.open = false
		a.open--
	}
}

// Poll appends to dst what is to be asked for now, in the order in which it was sent. It counts as asked for.
func (a *Asker) Poll(now time.Duration, dst []Ask) []Ask {
	a.guess(now)
	if a.open == 0 || now < a.next {
		return dst
	}
	a.next = now + time.Hour
	for i := range uint32(slots) {
		g := &a.gaps[(a.newest+a.missed+1+i)%slots]
		if !g.open {
			continue
		}
		if now >= g.next && a.judge(now, g) {
			dst = append(dst, Ask{Count: uint8(g.count % wire.HopCounts), Seq: g.seq})
		}
		if g.open {
			a.next = min(a.next, g.next)
		}
	}
	return dst
}

// judge tells whether to ask for a gap now, and when to look at it again. It closes
// the gap when there is nothing more to hope for.
func (a *Asker) judge(now time.Duration, g *gap) (ask bool) {
	last := g.due + a.patience - a.rtt // when the answer would still be of use
	if g.tries == 0 {
		ready := g.due + a.pace.timeout()
		if at := a.copied(g); at <= last {
			ready = max(ready, at)
		}
		if g.next = ready; now < ready && ready <= last {
			return false
		}
	}
	switch {
	case now <= last && g.tries < tries:
		g.tries++
		g.next = now + a.pause(g)
		return true
	case g.tries > 0 && now < g.due+a.patience:
		g.next = g.due + a.patience // the answer may still come
		return false
	case g.tries > 0:
		a.pace.right()
	}
	a.close(g)
	return false
}

// copied is when the first copy of what is missing should be there, and 0 where it is not worth waiting for.
func (a *Asker) copied(g *gap) time.Duration {
	wait := time.Duration(a.copies) * wire.FrameDuration
	if a.copies == 0 || wait > a.rtt/2 || a.gapOf(g.seq+a.copies) != nil {
		return 0
	}
	return g.due + wait + a.pace.timeout()
}

// pause is how long an answer may take before the question is repeated.
func (a *Asker) pause(g *gap) time.Duration {
	if a.lossy() && g.tries%2 == 1 {
		return Twin
	}
	return a.rtt + a.rtt/4 + Twin
}

// NextDeadline is when Poll should be called next, and false if there is no need.
func (a *Asker) NextDeadline() (at time.Duration, ok bool) {
	at, ok = a.next, a.open > 0
	if overdue := a.due() + a.pace.timeout(); a.expects() && (!ok || overdue < at) {
		at, ok = overdue, true
	}
	return at, ok
}

// Stride is the number of frames that the talker's datagrams are apart.
func (a *Asker) Stride() int { return int(max(a.stride, 1)) }

// Queue is how long datagrams wait on the way at present, below 0 where that cannot be told, and by how much that
// grows, in seconds per second.
func (a *Asker) Queue(now time.Duration) (delay time.Duration, trend float64) {
	return a.queue.Delay(now), a.queue.Trend(now)
}

// Mood is how the path does. One of which little has come yet is not known to be well.
func (a *Asker) Mood(now time.Duration) Mood {
	queue, trend := a.Queue(now)
	if a.receipt.Reach < Beginning {
		return Jammed
	}
	return MoodOf(a.lossy(), queue, trend)
}

// Loss is the share of the datagrams that the receipt tells of that was lost, before resends; but at least one of as
// many as it can tell of, as it is for what is lost that one has patience.
func (a *Asker) Loss() float64 {
	return max(float64(a.receipt.Lost())/float64(max(a.receipt.Reach, 1)), 1.0/netproto.ReceiptReach)
}

// lossy tells whether so much is lost that waiting for later datagrams would be a waste of time.
func (a *Asker) lossy() bool { return a.receipt.Lost() > 1 && a.Loss() >= LossyFrom }

// sentAt is the time on the sender's clock that a sequence number stands for.
func sentAt(seq uint32) time.Duration { return time.Duration(seq) * wire.FrameDuration }
