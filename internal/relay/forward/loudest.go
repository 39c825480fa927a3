package forward

import (
	"math"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/mend"
	"github.com/tincan-voice/tincan/netproto"
)

// Loudest-N: at most N talkers of a room are forwarded at a time. While no
// more than N talk, nothing is decided: whoever sends has a place.
//
//	                free place, or the holder does not speak
//	            +-----------------------------------------------+
//	            |                                               v
//	sends, has no place                                  holds a place
//	            ^                                               |
//	            +-----------------------------------------------+
//	    another one's claim is above this one's standing + margin
//
// A claim is the peak of the level, and rises while its talker speaks in vain;
// a standing is the peak too, and falls while its talker goes on. So neither a
// loud microphone nor a level that lies keeps the others out for long: with the
// numbers below somebody at -50 dBov waits at most 2.2 s for one at 0 dBov. The
// scheme is ours; the level is that of RFC 6464.
//
// Levels that lie are no help to many at once either, unless they have networks of their own: no network takes a place from
// another one with fewer, and where one has two more than the claimant's, it gives one at once.
const (
	// idleAfter is how long a holder may pause before its place is anyone's.
	idleAfter = mend.IdleAfter
	// minHold protects who has just got a place, so that words get through.
	minHold = 1500 * time.Millisecond
	// margin is what keeps two equally loud talkers from taking turns, in dB.
	margin = mend.Margin
	// turnover is the least time between two talkers of a room who lose their
	// places while they speak: with what a promotion replays, a listener never
	// gets more in a second than what N+1 talkers send.
	turnover = 250 * time.Millisecond
	// peakFall is how fast a talker's peak follows its level down, in dB/s:
	// a pause of half a second between two words costs 10 dB.
	peakFall = 20
	// A claim begins to rise after patience, by claimRise dB/s; a standing to
	// fall after minHold, by standingFall dB/s.
	patience     = time.Second
	claimRise    = 40
	standingFall = 10
	// Levels above and below these, in -dBov, count as these: no more than 40
	// dB are to be had by shouting, or by lying.
	loudestLevel  = 10
	quietestLevel = 50
)

// stage is who is heard in one room. Guarded by the room's lock.
type stage struct {
	places []*turn
	turned time.Duration // someone who spoke lost its place
}

// turn is a talker's part in the stage of its room. Guarded by the room's lock.
type turn struct {
	holds  atomic.Bool   // has a place; others may look
	net    netip.Prefix  // from where it talked when it came to its place
	since  time.Duration // got its place
	seen   time.Duration // last datagram
	seq    uint32        // of that
	step   time.Duration // from there to the next, as between the last two
	voiced time.Duration // last one with the voice bit
	vain   time.Duration // speaks since then, or lost its place then
	peak   float64       // dB above 127 dB below overload, at peakAt
	peakAt time.Duration
	kept   preroll // what was not forwarded
	ending mend.Ending
}

// offer decides about a datagram of a talker. A quiet one is kept for a promotion;
// when that comes, replay gets what has to go first.
func (st *stage) offer(now time.Duration, t *turn, h netproto.Header, voice []byte, replay func(d []byte)) (heard bool) {
	t.note(now, h)
	if t.holds.Load() {
		return true
	}
	i := st.place(now, t, h.Voice)
	if i < 0 {
		t.kept.put(now, h.Seq, voice)
		return false
	}
	if old := st.places[i]; old != nil {
		if now-old.voiced <= idleAfter {
			st.turned = now
		}
		old.holds.Store(false)
		old.vain = now
	}
	st.places[i] = t
	t.since = now
	t.holds.Store(true)
	t.kept.take(now, h.Seq, replay)
	return true
}

// late decides about a datagram that newer ones of its talker have overtaken, or that was
// sent again: it goes where those went, and says nothing about who speaks now.
func (st *stage) late(now time.Duration, t *turn, h netproto.Header, voice []byte) (heard bool) {
	if t.holds.Load() || t.ending.Before(h) {
		return true
	}
	t.kept.put(now, h.Seq, voice)
	return false
}

// note takes a datagram's level and voice bit into account.
func (t *turn) note(now time.Duration, h netproto.Header) {
	t.step = time.Duration(h.Seq-t.seq) * netproto.FrameDuration
	t.seen, t.seq = now, h.Seq
	level := 0.0
	if h.Voice {
		if now-t.voiced > idleAfter {
			t.vain = now
		}
		t.voiced = now
		level = netproto.Silent - float64(min(max(h.Level, loudestLevel), quietestLevel))
	}
	t.peak, t.peakAt = max(level, t.peakNow(now)), now
}

func (t *turn) peakNow(now time.Duration) float64 {
	return t.peak - peakFall*(now-t.peakAt).Seconds()
}

func (t *turn) claim(now time.Duration) float64 {
	return t.peakNow(now) + claimRise*max(0, (now-t.vain-patience).Seconds())
}

func (t *turn) standing(now time.Duration) float64 {
	return t.peakNow(now) - standingFall*max(0, (now-t.since-minHold).Seconds())
}

// place returns the index of the place that the talker may take, or -1.
func (st *stage) place(now time.Duration, t *turn, voice bool) int {
	found, lowest := -1, t.claim(now)-margin
	pause := idleAfter
	own := st.held(t.net)
	for i, held := range st.places {
		if held == nil || now-held.seen > idleAfter {
			return i
		}
		switch gap := now - held.voiced; {
		case !voice:
		case gap > idleAfter: // sends, but does not speak: whoever paused longest goes first
			if gap > pause {
				found, pause = i, gap
			}
		case pause > idleAfter || now-st.turned < turnover:
		case st.held(held.net) > own+1:
			found, lowest = i, math.Inf(-1)
		case now-held.since < minHold || held.net != t.net && st.held(held.net) <= own && own > 0:
		case held.standing(now) < lowest:
			found, lowest = i, held.standing(now)
		}
	}
	return found
}

// held is how many places a network has.
func (st *stage) held(n netip.Prefix) (places int) {
	for _, t := range st.places {
		if t != nil && t.net == n {
			places++
		}
	}
	return places
}
