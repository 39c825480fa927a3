package forward

import (
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

// loadWindow is how often the load is looked at: two or three datagrams of each talker.
const loadWindow = 50 * time.Millisecond

// Flush sends what is due, repairs included, and keeps copies of what waits. Call it
// when a batch of datagrams has been queued, and at the time that it returns; ok
// is false when nothing waits. That time is always after now.
func (w *Worker) Flush(now time.Duration) (next time.Duration, ok bool) {
	w.weigh(now)
	waiting := w.outgoing[:0]
	for _, q := range w.outgoing {
		if now < q.due {
			q.settle()
			waiting = append(waiting, q)
			if !ok || q.due < next {
				next, ok = q.due, true
			}
			continue
		}
		w.send(now, q)
		q.room.pending.Store(nil)
		q.room, q.items, q.own = nil, q.items[:0], q.own[:0]
		w.spare = append(w.spare, q)
	}
	w.outgoing = waiting
	if at, due := w.attend(now); due && (!ok || at < next) {
		next, ok = at, true
	}
	return next, ok
}

// weigh measures the load.
func (w *Worker) weigh(now time.Duration) {
	if now-w.weighed < loadWindow {
		return
	}
	sum := w.count.delivered.Load()
	w.busy = float64(sum-w.before) > float64(w.x.cfg.BundleLoad)*(now-w.weighed).Seconds()
	w.weighed, w.before = now, sum
	w.mend.Busy = w.busy
}

// wake has the room's timer look at it at a time, or before. Called with the room's lock held.
func (w *Worker) wake(r *Room, at time.Duration) {
	switch {
	case r.timer == nil:
		r.timer = w
	case r.timer != w || at >= r.entry.at: // another worker will see by itself
		return
	}
	w.agenda.set(r, at)
}

// attend does what is due in the worker's rooms, and returns when to call again.
func (w *Worker) attend(now time.Duration) (next time.Duration, ok bool) {
	if len(w.agenda) == 0 {
		return 0, false
	}
	if at := w.agenda[0].entry.at; at > now {
		return at, true
	}
	for len(w.agenda) > 0 && w.agenda[0].entry.at <= now {
		r := w.agenda.pop()
		r.mu.Lock()
		if next, ok := w.mend.Attend(now, &r.mend, r.listeners.Load().all()); ok {
			w.agenda.set(r, next)
		} else {
			r.timer = nil
		}
		r.mu.Unlock()
	}
	w.emit()
	if len(w.mend.Wishes) > 0 {
		w.x.keeper.Change(w.mend.Wishes)
		w.mend.Wishes = w.mend.Wishes[:0]
	}
	if len(w.agenda) == 0 {
		return 0, false
	}
	return w.agenda[0].entry.at, true
}

// emit sends what package mend has decided on.
func (w *Worker) emit() {
	b, start := &w.mend.Batch, 0
	for i := range b.Sends {
		e := &b.Sends[i]
		d := b.Bytes[start:e.End]
		start = e.End
		s := w.x.find(e.To)
		if s == nil || !s.Live() {
			continue // has just left
		}
		switch {
		case s.link != nil:
			if d = w.toPeer(s, e.Type, d); d == nil {
				continue
			}
			w.reply = d
		case e.Type != netproto.TypeVoice:
			w.reply = s.seal(w.reply[:0], e.Type, d)
			d = w.reply
		}
		switch {
		case !w.sendTo(s, d):
			w.count.drops[DropSend].Add(e.N)
		case e.Sent != nil:
			e.Sent.Add(e.N)
		}
	}
	b.Reset()
}
