package relay

import (
	"sync/atomic"
	"time"

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
const (
	// idleAfter is how long a holder may pause before its place is anyone's:
	// longer than the stops within words and the gaps between most of them.
	idleAfter = 400 * time.Millisecond
	// minHold protects who has just got a place, so that words get through.
	minHold = 1500 * time.Millisecond
	// margin is what keeps two equally loud talkers from taking turns, in dB.
	margin = 6
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

// stage is who is heard in one room. Guarded by repairs.mu.
type stage struct {
	places []*session
	turned time.Duration // someone who spoke lost its place
}

// turn is a talker's part in the stage of its room. Guarded by repairs.mu.
type turn struct {
	holds  atomic.Bool   // has a place; others may look
	since  time.Duration // got its place
	seen   time.Duration // last datagram
	seq    uint32        // of that
	step   time.Duration // from there to the next, as between the last two
	voiced time.Duration // last one with the voice bit
	vain   time.Duration // speaks since then, or lost its place then
	peak   float64       // dB above 127 dB below overload, at peakAt
	peakAt time.Duration
	kept   preroll // what was not forwarded
}

// offer decides about a datagram of s. A quiet one is kept for a promotion;
// when that comes, replay gets what has to go first.
func (st *stage) offer(now time.Duration, s *session, h netproto.Header, voice []byte, replay func(d []byte)) (heard bool) {
	t := &s.turn
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
		if now-old.turn.voiced <= idleAfter {
			st.turned = now
		}
		old.turn.holds.Store(false)
		old.turn.vain = now
	}
	st.places[i] = s
	t.since = now
	t.holds.Store(true)
	t.kept.take(now, h.Seq, replay)
	return true
}

// late decides about a datagram that newer ones of s have overtaken, or that was
// sent again: it goes where those went, and says nothing about who speaks now.
func (st *stage) late(now time.Duration, s *session, h netproto.Header, voice []byte) (heard bool) {
	t := &s.turn
	if t.holds.Load() {
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
		level = 127 - float64(min(max(h.Level, loudestLevel), quietestLevel))
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
	for i, s := range st.places {
		if s == nil || now-s.turn.seen > idleAfter {
			return i
		}
		held := &s.turn
		switch gap := now - held.voiced; {
		case !voice:
		case gap > idleAfter: // sends, but does not speak: whoever paused longest goes first
			if gap > pause {
				found, pause = i, gap
			}
		case pause > idleAfter || now-held.since < minHold || now-st.turned < turnover:
		case held.standing(now) < lowest:
			found, lowest = i, held.standing(now)
		}
	}
	return found
}

// preroll keeps the last datagrams of a talker who is not heard, so that a
// promotion does not cut its first syllable.
type preroll struct {
	ring [prerollSize]kept
	next int
}

type kept struct {
	at   time.Duration
	seq  uint32
	data []byte // own memory, used again
}

const (
	// prerollSize and prerollFrames bound what is replayed: 200 ms, about the
	// length of a syllable. More would be heard as delay.
	prerollSize   = 10
	prerollFrames = 10
	prerollLife   = 300 * time.Millisecond
)

func (p *preroll) put(now time.Duration, seq uint32, d []byte) {
	k := &p.ring[p.next]
	p.next = (p.next + 1) % prerollSize
	k.at, k.seq, k.data = now, seq, append(k.data[:0], d...)
}

// take calls f with what was kept of the last frames before seq, in the order
// in which it came, and forgets everything.
func (p *preroll) take(now time.Duration, seq uint32, f func(d []byte)) {
	for i := range p.ring {
		k := &p.ring[(p.next+i)%prerollSize]
		if len(k.data) > 0 && now-k.at <= prerollLife && seq-k.seq <= prerollFrames {
			f(k.data)
		}
		k.data = k.data[:0]
	}
}

// replay takes what a preroll gives out of the lock.
type replay struct {
	addFunc func(d []byte) // add, made a function once
	bytes   []byte
	ends    []int
}

func (r *replay) reset() { r.bytes, r.ends = r.bytes[:0], r.ends[:0] }

func (r *replay) add(d []byte) {
	r.bytes = append(r.bytes, d...)
	r.ends = append(r.ends, len(r.bytes))
}

func (r *replay) each(f func(d []byte)) {
	start := 0
	for _, end := range r.ends {
		f(r.bytes[start:end])
		start = end
	}
}
