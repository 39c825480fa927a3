package mend

import (
	"sync/atomic"
	"time"

	"github.com/tincan-voice/tincan/internal/repair"
	"github.com/tincan-voice/tincan/netproto"
)

// tickEvery is how often the paths of a room are judged while somebody talks, and what is not needed any more given
// back: when the next datagram comes, or if none does tickLate after the last time. So where somebody talks nobody is
// woken up for that.
const (
	tickEvery = 100 * time.Millisecond
	tickLate  = 5 * tickEvery
)

// Counters are what one Mender has done and not done. Any goroutine may read them.
type Counters struct {
	Asked    atomic.Uint64 // datagrams that talkers were asked for again, repeats counted
	Resent   atomic.Uint64 // datagrams that listeners asked for and got
	Copied   atomic.Uint64 // datagrams that went to one listener a second time unasked
	Feedback atomic.Uint64 // reports to talkers

	Capped    atomic.Uint64 // not sent: over the receiver's cap
	Fewer     atomic.Uint64 // not sent: the receiver can have fewer talkers only
	Throttled atomic.Uint64 // not sent again: too much of that
}

// Mender decides for the rooms of one worker, and belongs to its goroutine.
type Mender struct {
	Batch  Batch  // what is to be sent
	Wishes []Wish // what is to be changed
	Busy   bool   // there is much to do: talkers are to send together

	counts *Counters

	// Scratch memory.
	reported netproto.Report
	blocks   []netproto.NackBlock
	asks     []repair.Ask
	views    [maxViews]*repair.View
	collect  collector
	body     []byte
}

// New returns a Mender that counts there.
func New(counts *Counters) *Mender { return &Mender{counts: counts} }

// Attend does what is due in one room, whose list of listeners has so many, and returns when to come again; not ok:
// nothing is remembered of the room any more.
func (m *Mender) Attend(now time.Duration, r *Room, listeners int) (next time.Duration, ok bool) {
	if now-r.ticked >= tickEvery {
		r.ticked = now
		r.sweep(now)
		m.tick(now, r)
	}
	if len(r.ups)+len(r.downs) == 0 {
		return 0, false
	}
	next = r.ticked + memory
	for _, s := range r.ups {
		next = min(next, m.attendTalker(now, s, listeners))
	}
	for _, s := range r.downs {
		next = min(next, m.attendListener(now, s))
	}
	return max(next, now+time.Millisecond), true // never at once again
}

// tick sorts the talkers, divides caps among them, and plans anew for those who cannot have all of them.
func (m *Mender) tick(now time.Duration, r *Room) {
	r.sort(now)
	for _, t := range r.order {
		t.uplink.rate = t.uplink.meter.Rate(now)
	}
	for _, s := range r.downs {
		r.choose(now, s)
		r.divide(now, s)
		if s.downlink.Cap > 0 || s.Apart.Load() {
			m.plan(now, s, false)
		}
	}
}

// tell puts something for a member into the batch, and reports whether its cap allows that.
func (m *Mender) tell(now time.Duration, to *Member, t netproto.Type, sent *atomic.Uint64) bool {
	if !to.Live() || !m.May(now, to, to.onWire(netproto.HeaderSize+len(m.body)+netproto.TagSize)) {
		return false
	}
	m.Batch.Add(to, t, m.body, 1, sent)
	return true
}
