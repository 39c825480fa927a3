package forward

import (
	"slices"
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

// What costs is the packet, not the datagram: the kernel takes as long for
// four datagrams of voice in one packet as for one. So whatever is ready for a
// room at the same time goes out as one bundle per listener; and when the
// relay has much to do and several people talk, a datagram waits for the next
// ones of the others, as far as they are expected within the wait.
//
//	datagrams that came together      a1 b1 a2
//	to listeners                      bundle(a1 b1 a2)
//	to a                              b1
//	to b                              bundle(a1 a2)

const (
	// lateness is how much later than its stride says a talker's next datagram is still waited for; and the most that
	// anything waits where fewer than severalTalkers are heard in a room: two people answer each other.
	lateness       = 2 * time.Millisecond
	severalTalkers = 3
)

// outgoing is what one worker has to send to one room.
type outgoing struct {
	worker *Worker // static
	room   *Room
	items  []item
	own    []byte        // copies of what outlives its receive buffer
	due    time.Duration // when it goes out
	// expected is how many more talkers are waited for.
	expected int
}

// item is one datagram on its way.
type item struct {
	talker uint32
	data   []byte // in a receive buffer, or if that is nil:
	at, n  int    // in outgoing.own
}

func (q *outgoing) data(i *item) []byte {
	if i.data != nil {
		return i.data
	}
	return q.own[i.at : i.at+i.n]
}

// copied adds a copy of d.
func (q *outgoing) copied(talker uint32, d []byte) {
	q.items = append(q.items, item{talker: talker, at: len(q.own), n: len(d)})
	q.own = append(q.own, d...)
}

// settle copies what is in receive buffers.
func (q *outgoing) settle() {
	for i := range q.items {
		if it := &q.items[i]; it.data != nil {
			it.at, it.n = len(q.own), len(it.data)
			q.own = append(q.own, it.data...)
			it.data = nil
		}
	}
}

// outgoingTo returns what the worker has for a room, or nil if another worker has one.
func (w *Worker) outgoingTo(now time.Duration, r *Room) *outgoing {
	if q := r.pending.Load(); q != nil {
		if q.worker != w {
			return nil
		}
		return q
	}
	var q *outgoing
	if n := len(w.spare); n > 0 {
		q, w.spare = w.spare[n-1], w.spare[:n-1]
	} else {
		q = &outgoing{worker: w}
	}
	if !r.pending.CompareAndSwap(nil, q) {
		w.spare = append(w.spare, q)
		return nil
	}
	q.room, q.due, q.expected = r, now, 0
	if w.busy && r.stage != nil {
		r.mu.Lock()
		q.due, q.expected = r.stage.company(now, w.x.cfg.BundleWait)
		r.mu.Unlock()
	}
	w.outgoing = append(w.outgoing, q)
	return q
}

// company returns how many of the other talkers are worth waiting for, and until when: those expected within the wait, or
// a moment ago.
func (st *stage) company(now, wait time.Duration) (until time.Duration, expected int) {
	talkers := 0
	for _, t := range st.places {
		if t != nil && now-t.seen <= idleAfter {
			talkers++
		}
	}
	if talkers < severalTalkers {
		wait = min(wait, lateness)
	}
	until = now
	for _, t := range st.places {
		if t == nil || now-t.seen > idleAfter {
			continue
		}
		if next := t.seen + t.step; next+lateness > now && next <= now+wait {
			expected++
			until = max(until, next+lateness)
		}
	}
	return min(until, now+wait), expected
}

// add takes a datagram of a talker. With the last one that was waited for,
// it is due.
func (q *outgoing) add(now time.Duration, talker uint32, d []byte) {
	if q.expected > 0 && !slices.ContainsFunc(q.items, func(it item) bool { return it.talker == talker }) && len(q.items) > 0 {
		if q.expected--; q.expected == 0 {
			q.due = now
		}
	}
	q.items = append(q.items, item{talker: talker, data: d})
}

// send sends it in as few packets as possible.
func (w *Worker) send(now time.Duration, q *outgoing) {
	l := q.room.listeners.Load()
	for rest := q.items; len(rest) > 0; {
		n := 1
		for size := 4 + len(q.data(&rest[0])); n < len(rest); n++ {
			if size += 3 + len(q.data(&rest[n])); size > netproto.MaxDatagram {
				break
			}
		}
		w.sendTogether(now, q, l, rest[:n])
		rest = rest[n:]
	}
}

// sendTogether sends items that fit into one bundle to everyone.
func (w *Worker) sendTogether(now time.Duration, q *outgoing, l *listeners, items []item) {
	w.count.forwarded.Add(uint64(len(items)))
	w.sendAlong(q, &l.main, items, len(items))
	w.sendAlong(q, &l.also, items, 0)
	if len(l.apart) > 0 {
		w.sendApart(now, q, l, items)
	}
}

// sendAlong sends items along the paths of a vector: all of them to those who are no talkers of theirs, and to each
// talker the others' ones. Each packet counts as so many deliveries at most: as none on second paths.
func (w *Worker) sendAlong(q *outgoing, v *vector, items []item, counted int) {
	w.skip = w.skip[:0]
	for i := range items {
		if at, ok := v.index(items[i].talker); ok && !slices.Contains(w.skip, at) {
			w.skip = append(w.skip, at)
		}
	}
	slices.Sort(w.skip)
	if want := len(v.ids) - len(w.skip); want > 0 {
		d, _ := w.assemble(q, items, 0)
		w.sent(want, w.group(v).Send(d, w.skip), counted)
	}
	if len(items) < 2 {
		return
	}
	for _, at := range w.skip {
		if d, n := w.assemble(q, items, v.ids[at]); n > 0 {
			sent := 0
			if w.out.Send(v.paths[at], d) {
				sent = 1
			}
			w.sent(1, sent, min(n, counted))
		}
	}
}

// sent counts packets of n datagrams each.
func (w *Worker) sent(want, sent, n int) {
	w.count.packets.Add(uint64(sent))
	w.count.delivered.Add(uint64(sent * n))
	if sent < want {
		w.count.drops[DropSend].Add(uint64((want - sent) * n))
	}
}

// assemble returns all items but those of one talker (0: of nobody) as one
// datagram, and their number. One item goes as it is.
func (w *Worker) assemble(q *outgoing, items []item, but uint32) (d []byte, n int) {
	w.bundle = w.bundle[:0]
	for i := range items {
		it := &items[i]
		if it.talker == but {
			continue
		}
		n++
		if n == 1 {
			d = q.data(it)
			continue
		}
		if n == 2 {
			w.bundle, _ = netproto.AppendBundle(w.bundle, d) // they have been measured: they fit
		}
		w.bundle, _ = netproto.AppendBundle(w.bundle, q.data(it))
	}
	if n > 1 {
		d = w.bundle
	}
	return d, n
}

// sendApart sends items to those who cannot have them all, as package mend decides. It must be last, as that writes
// these listeners' own counts into the items.
func (w *Worker) sendApart(now time.Duration, q *outgoing, l *listeners, items []item) {
	q.room.mu.Lock()
	for _, s := range l.apart {
		if !s.Live() {
			continue
		}
		w.picked = w.picked[:0]
		for i := range items {
			it := &items[i]
			switch {
			case it.talker == s.ID:
			case w.mend.Pass(now, &s.Member, it.talker, q.data(it)):
				w.picked = append(w.picked, *it)
			default:
				s.less++
			}
		}
		if d, n := w.assemble(q, w.picked, 0); n > 0 {
			w.mend.Batch.Add(&s.Member, netproto.TypeVoice, d, n, &w.count.delivered)
			w.count.packets.Add(1)
		}
	}
	q.room.mu.Unlock()
	w.emit()
}
