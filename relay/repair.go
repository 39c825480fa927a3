package relay

import (
	"slices"
	"sync"
	"time"

	"github.com/tincan-voice/tincan/internal/repair"
	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/netproto/wire"
)

// What the relay does about loss, for each room:
//
//	talker's datagram --> uplink: gaps, statistics, cache --> nack, feedback to the talker
//	listener's nack   --> cache, budget                   --> resend to that listener
//	listener's report --> downlink: loss, plan            --> copies, fewer talkers, cap
//
// All of it is made on first use and given back after a time of silence. What is
// due at a time stands in the agenda of one worker, the room's keeper, and is
// done by its Flush.
const (
	// repairTick is how often the paths of a room are judged while somebody talks: when
	// the next datagram comes, or if none does repairLate after the last time. So where
	// somebody talks nobody is woken up for that.
	repairTick = 100 * time.Millisecond
	repairLate = 5 * repairTick
	// sweepTick is how often memory is looked for that may be given back.
	sweepTick = time.Second
	// shortest is the least time between two looks at a room.
	shortest = time.Millisecond
	// talkMemory is how long somebody who was forwarded counts as a talker.
	talkMemory = 5 * time.Second
	// changeEvery is the least time between two changes of the listeners on the
	// word of one of them: each makes a new list.
	changeEvery = 500 * time.Millisecond
)

// repairs is a room's part in this.
type repairs struct {
	// mu is held for computing only, never while anything is sent. With steering all of a room's datagrams
	// come to one worker, which then finds it free.
	mu     sync.Mutex
	keeper *Worker    // has the room on its agenda; nil: nobody needs to
	ups    []*session // those with an uplink
	downs  []*session // those with a downlink
	order  []*session // who has been forwarded of late, loudest first
	ticked time.Duration
	swept  time.Duration
}

// wake has the keeper look at the room at a time, or before. Called with
// r.repairs.mu held.
func (w *Worker) wake(r *room, at time.Duration) {
	rr := &r.repairs
	switch {
	case rr.keeper == nil:
		rr.keeper = w
	case rr.keeper != w || at >= r.entry.at: // another worker will see by itself
		return
	}
	w.agenda.set(r, at)
}

// repair does what is due in the worker's rooms, and returns when to call again.
func (w *Worker) repair(now time.Duration) (next time.Duration, ok bool) {
	if len(w.agenda) == 0 {
		return 0, false
	}
	if at := w.agenda[0].entry.at; at > now {
		return at, true
	}
	for len(w.agenda) > 0 && w.agenda[0].entry.at <= now {
		w.attend(now, w.agenda.pop())
	}
	w.emit()
	w.apply()
	if len(w.agenda) == 0 {
		return 0, false
	}
	return w.agenda[0].entry.at, true
}

// attend does what is due in one room.
func (w *Worker) attend(now time.Duration, r *room) {
	rr := &r.repairs
	rr.mu.Lock()
	defer rr.mu.Unlock()
	if now-rr.swept >= sweepTick {
		rr.swept = now
		rr.sweep(now)
	}
	if len(rr.ups)+len(rr.downs) == 0 {
		rr.keeper = nil
		return
	}
	next := rr.swept + sweepTick
	if now-rr.ticked >= repairTick {
		rr.ticked = now
		w.tick(now, rr)
	}
	for _, s := range rr.ups {
		next = min(next, w.attendTalker(now, rr, s))
	}
	for _, s := range rr.downs {
		next = min(next, w.attendListener(now, s))
	}
	w.agenda.set(r, max(next, now+shortest))
}

// tick sorts the talkers, divides caps among them, and plans anew for those who cannot have all of them.
func (w *Worker) tick(now time.Duration, rr *repairs) {
	rr.sort(now)
	for _, s := range rr.downs {
		if rr.divide(now, s) {
			for _, t := range rr.order {
				t.uplink.dirty = true
			}
		}
		if s.downlink.cap > 0 || s.apart.Load() {
			w.plan(now, rr, s, false)
		}
	}
}

// sweep gives back what has not been used for long.
func (rr *repairs) sweep(now time.Duration) {
	rr.order = slices.DeleteFunc(rr.order, func(s *session) bool {
		old := s.uplink == nil || now-s.uplink.forwarded > talkMemory
		if old && s.uplink != nil {
			s.uplink.ordered, s.uplink.cache = false, nil
		}
		return old
	})
	rr.ups = slices.DeleteFunc(rr.ups, func(s *session) bool {
		old := now-s.uplink.last > uplinkIdle
		if old {
			s.uplink.settle(s)
			s.uplink = nil
		}
		return old
	})
	for _, s := range rr.downs {
		d := s.downlink
		for i := range d.views {
			if t := rr.talker(d.views[i].talker); t == nil || t.uplink.cache == nil {
				d.views[i].shift = repair.Shift{}
			}
		}
	}
	rr.downs = slices.DeleteFunc(rr.downs, func(s *session) bool {
		d := s.downlink
		silent := now-d.heard > downlinkIdle && d.cap == 0
		old := s.gone.Load() || silent && !s.apart.Load()
		if old {
			s.downlink = nil
		} else if silent {
			d.wants = wish{deaf: s.deaf.Load()} // and then it may go
		}
		return old
	})
}

// talker returns the session of the room with this ID that is forwarded, or nil.
func (rr *repairs) talker(id uint32) *session {
	for _, s := range rr.order {
		if s.id == id {
			return s
		}
	}
	return nil
}

// sort puts the loudest first. Two change places only when one is louder by the
// margin, or the other does not speak.
func (rr *repairs) sort(now time.Duration) {
	for i := 1; i < len(rr.order); i++ {
		for j := i; j > 0; j-- {
			a, b := rr.order[j-1].uplink, rr.order[j].uplink
			if !b.speaks(now) || a.speaks(now) && b.level <= a.level+margin {
				break
			}
			rr.order[j-1], rr.order[j] = rr.order[j], rr.order[j-1]
		}
	}
}

// rank returns how many talkers come before this one for a listener.
func (rr *repairs) rank(listener *session, talker uint32) int {
	n := 0
	for _, s := range rr.order {
		if s.id == talker {
			break
		}
		if s != listener {
			n++
		}
	}
	return n
}

// louder is what the next second of those takes who come before this talker for a listener and speak, if their
// datagrams are as long.
func (rr *repairs) louder(now time.Duration, listener *session, talker uint32, size int) repair.Upcoming {
	var r repair.Upcoming
	for _, s := range rr.order {
		if s.id == talker {
			r.Next, r.Every = s.uplink.every(), s.uplink.every()
			break
		}
		if s != listener && s.uplink.speaks(now) {
			r.Bytes += size
		}
	}
	return r
}

// where returns the session's proven path.
func (s *session) where() (to Path, ok bool) {
	p := s.path.Load()
	if p == nil || !s.live.Load() {
		return to, false
	}
	return *p, true
}

// may takes size bytes for a session from what its cap leaves, if what is to come will still fit. Called with
// repairs.mu held.
func (s *session) may(now time.Duration, to Path, size int, r repair.Upcoming) bool {
	return s.downlink == nil || s.downlink.capped.Send(now, size+wire.Overhead(to.Addr()), r)
}

// tell adds something sealed for a session to the batch. Called with repairs.mu held.
func (w *Worker) tell(now time.Duration, s *session, t netproto.Type) (sent bool) {
	to, ok := s.where()
	if !ok {
		return false
	}
	if !s.may(now, to, netproto.HeaderSize+len(w.body)+netproto.TagSize, repair.Upcoming{}) {
		w.count.drops[DropCap].Add(1)
		return false
	}
	w.batch.bytes = s.seal(w.batch.bytes, t, w.body)
	w.batch.done(to, &w.count.told[t], 1)
	return true
}

// answer sends to a session what is no voice, within its cap.
func (w *Worker) answer(now time.Duration, s *session, to Path, d []byte) {
	if s.apart.Load() {
		rr := &s.room.repairs
		rr.mu.Lock()
		may := s.may(now, to, len(d), repair.Upcoming{})
		rr.mu.Unlock()
		if !may {
			w.count.drops[DropCap].Add(1)
			return
		}
	}
	w.out.Send(to, d)
}

// wish is how a listener is to be treated.
type wish struct {
	deaf  bool // gets no voice
	apart bool // gets it under a cap, or from fewer talkers
}

// change is a wish that differs from what is.
type change struct {
	session *session
	wish    wish
}

// apply makes new lists of listeners where somebody's wish has changed.
func (w *Worker) apply() {
	if len(w.changes) == 0 {
		return
	}
	c := w.core
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, ch := range w.changes {
		s := ch.session
		if c.sessions[s.id] == s {
			s.deaf.Store(ch.wish.deaf)
			s.apart.Store(ch.wish.apart)
			s.room.rebuild()
		}
	}
	clear(w.changes)
	w.changes = w.changes[:0]
}
