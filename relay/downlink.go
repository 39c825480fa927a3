package relay

import (
	"time"

	"github.com/tincan-voice/tincan/internal/repair"
	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/netproto/wire"
)

const (
	// downlinkIdle is how long after a listener's last report or nack it is remembered;
	// one with a cap is for as long as it is there.
	downlinkIdle = 10 * time.Second
	// maxViews is of how many talkers a listener's reports are looked at.
	maxViews = 8
	// lookups is how many numbers of one nack are looked at: as many as Askers of
	// four talkers ask for at once.
	lookups = 64
	// partOf of a cap is shared by several: what they send in the fullest second is more than the mean. Where that is less
	// than repair.LeastPart for each, fewer are forwarded.
	partOf = 0.9
	// partMemory is how long after the last word somebody has a part: in a conversation the parts stay as they are, since
	// until all know of new ones something has to be left out.
	partMemory = 25 * time.Second
	// assumedTrip is a listener's round trip as long as it is not known.
	assumedTrip = 100 * time.Millisecond
)

// downlink is what a room knows of the way to one listener. Guarded by repairs.mu.
type downlink struct {
	heard   time.Duration // last report or nack
	rtt     time.Duration // 0: not known
	queue   time.Duration
	trend   float64 // seconds per second
	rate    float64 // kbit/s
	cap     int     // kbit/s; 0: none
	part    int     // of it for each who talks at present
	wants   wish
	changed time.Duration // last time that wants was passed on
	views   []view
	planner repair.Planner
	capped  repair.Cap
	resend  *repair.Resender // made by the first nack

	unopened []uint32 // talkers whose voice does not open there, by the last report
}

// downlinkOf returns the session's downlink. Called with mu held.
func (rr *repairs) downlinkOf(s *session) *downlink {
	if s.downlink == nil {
		s.downlink = &downlink{changed: -changeEvery, wants: wish{deaf: s.deaf.Load()}}
		rr.downs = append(rr.downs, s)
	}
	return s.downlink
}

// setCap sets the most that the listener is sent, in kbit/s, 0 = none.
func (d *downlink) setCap(now time.Duration, kbps int) {
	if d.cap != kbps {
		d.cap = kbps
		d.capped.Set(now, wire.Kbps(kbps))
	}
}

func (d *downlink) view(talker uint32) *view {
	for i := range d.views {
		if d.views[i].talker == talker {
			return &d.views[i]
		}
	}
	return nil
}

// viewOf returns the view of a talker, in place of the oldest if need be.
func (d *downlink) viewOf(talker uint32) *view {
	if v := d.view(talker); v != nil {
		return v
	}
	if len(d.views) < maxViews {
		d.views = append(d.views, view{talker: talker})
		return &d.views[len(d.views)-1]
	}
	oldest := &d.views[0]
	for i := range d.views {
		if d.views[i].at < oldest.at {
			oldest = &d.views[i]
		}
	}
	*oldest = view{talker: talker}
	return oldest
}

// report takes a listener's report.
func (w *Worker) report(now time.Duration, s *session, body []byte) Drop {
	if netproto.ParseReport(&w.reported, body) != nil {
		return DropMalformed
	}
	rr := &s.room.repairs
	rr.mu.Lock()
	defer rr.mu.Unlock()
	r, d := &w.reported, rr.downlinkOf(s)
	d.heard = now
	d.rtt = time.Duration(r.RTT) * time.Millisecond
	d.queue = time.Duration(r.Queue) * time.Millisecond
	d.trend, d.rate = float64(r.Trend)/1000, float64(r.Rate)
	d.setCap(now, int(r.Cap))
	d.wants.deaf = r.Deaf
	d.unopened = append(d.unopened[:0], r.Unopened[:min(len(r.Unopened), maxViews)]...)
	for _, id := range d.unopened {
		if t := w.core.table.get(id); t != nil && t.room == s.room && t.uplink != nil {
			t.uplink.dirty = true
		}
	}
	for i := range r.Talkers {
		b := &r.Talkers[i]
		t := w.core.table.get(b.Session)
		if t == nil || t.room != s.room || t == s || t.uplink == nil {
			continue
		}
		d.viewOf(b.Session).take(now, b, t.uplink.asker.Stride())
		t.uplink.dirty = true
	}
	if s.uplink != nil {
		rr.setPath(s)
	}
	w.plan(now, rr, s, true)
	w.wake(s.room, now)
	return Kept
}

// plan decides what a listener gets beside and instead of what all get, when it has reported or others talk.
func (w *Worker) plan(now time.Duration, rr *repairs, s *session, reported bool) {
	d := s.downlink
	n := 0
	for _, t := range rr.order {
		if t != s && n < len(w.views) {
			w.views[n] = viewFor(now, d, t)
			n++
		}
	}
	down := repair.Downlink{RTT: d.rtt, Rate: wire.Kbps(d.rate), Queue: d.queue, Trend: d.trend}
	if d.cap > 0 {
		down.Cap = max(repair.Sustained(wire.Kbps(d.cap))-repair.DownControl, 1)
	}
	if reported {
		d.planner.Report(now, down, w.views[:n])
	} else {
		d.planner.Plan(now, down, w.views[:n])
	}
	for i := range d.views {
		v := &d.views[i]
		if t := rr.talker(v.talker); t != nil && t.uplink.cache != nil {
			v.shift.Set(t.uplink.cache, d.planner.Copy(v.talker))
		} else {
			v.shift = repair.Shift{}
		}
	}
	d.wants.apart = d.cap > 0 || d.planner.Talkers() > 0
}

// viewFor is how a talker comes through to a listener, as a Planner wants it.
func viewFor(now time.Duration, d *downlink, t *session) repair.View {
	u := t.uplink
	way := assumedWay
	if t.downlink != nil && t.downlink.rtt > 0 {
		way = t.downlink.rtt / 2
	}
	v := repair.View{
		Talker: t.id, Rate: u.meter.Rate(now), Stride: u.asker.Stride(),
		Median: 1, OneWay: way + d.rtt/2,
	}
	if u.fare.listeners > 2 { // what is lost to all, or to one of two, is for the talker to repair
		v.Median = float64(u.fare.medianLoss) / 256
	}
	if seen := d.view(t.id); seen != nil && seen.known {
		v.Loss, v.Burst, v.Hole, v.Buffer = seen.loss(), max(seen.burst, 1), seen.hole(), seen.buffer
	}
	return v
}

// hears tells whether a listener is to get this talker's voice. Called with mu held.
func (rr *repairs) hears(s *session, talker uint32) bool {
	most := s.downlink.planner.Talkers()
	return most == 0 || rr.rank(s, talker) < most
}

// attendListener sends the copies that are due, and passes on what the listener wants.
func (w *Worker) attendListener(now time.Duration, s *session) (next time.Duration) {
	d, rr := s.downlink, &s.room.repairs
	next = now + time.Hour
	if is := (wish{deaf: s.deaf.Load(), apart: s.apart.Load()}); d.wants != is {
		if now-d.changed >= changeEvery {
			d.changed = now
			w.changes = append(w.changes, change{session: s, wish: d.wants})
		}
		next = min(next, d.changed+changeEvery)
	}
	to, ok := s.where()
	all := !s.apart.Load()
	for i := range d.views {
		v := &d.views[i]
		if all {
			v.own = nil
		}
		if v.shift == (repair.Shift{}) {
			continue
		}
		t := rr.talker(v.talker)
		if t == nil || t.uplink.cache == nil {
			v.shift = repair.Shift{}
			continue
		}
		for c := v.shift.Next(t.uplink.cache, now); c != nil; c = v.shift.Next(t.uplink.cache, now) {
			count, was := v.count(countOf(c))
			switch {
			case !ok || !was || d.wants.deaf || !rr.hears(s, t.id):
			case !s.may(now, to, len(c), t.uplink.upcoming(now)):
				w.count.drops[DropCap].Add(1)
			default:
				w.batch.again(to, c, count, &w.count.copies)
			}
		}
		if at, ok := v.shift.Deadline(t.uplink.cache); ok {
			next = min(next, at)
		} else {
			next = min(next, now+netproto.FrameDuration) // no copy is sooner than a frame
		}
	}
	return next
}

// nack answers a listener's nack.
func (w *Worker) nack(now time.Duration, s *session, body []byte) Drop {
	var err error
	if w.blocks, err = netproto.ParseNack(w.blocks[:0], body); err != nil {
		return DropMalformed
	}
	rr := &s.room.repairs
	rr.mu.Lock()
	w.resend(now, s)
	w.wake(s.room, now+sweepTick)
	rr.mu.Unlock()
	w.emit()
	return Kept
}

// resend sends a listener what w.blocks asks for, within its budget.
func (w *Worker) resend(now time.Duration, s *session) {
	rr := &s.room.repairs
	to, ok := s.where()
	if !ok || s.deaf.Load() {
		return
	}
	d := rr.downlinkOf(s)
	d.heard = now
	if d.resend == nil {
		d.resend = new(repair.Resender)
	}
	d.resend.SetRate(now, wire.KbpsOf(rr.voiceTo(now, s), time.Second))
	rtt := d.rtt
	if rtt == 0 {
		rtt = assumedTrip
	}
	looked := 0
	for _, b := range w.blocks {
		t := rr.talker(b.Session)
		if t == nil || t == s || t.uplink.cache == nil || !rr.hears(s, t.id) {
			continue
		}
		view := d.view(t.id)
		for count := range b.All() {
			if looked++; looked > lookups {
				w.count.drops[DropBudget].Add(1)
				return
			}
			v := t.uplink.cache.Get(now, uint32(view.inRoom(count)))
			if v == nil {
				continue
			}
			if !d.capped.Fits(now, len(v)+wire.Overhead(to.Addr()), t.uplink.upcoming(now)) {
				w.count.drops[DropCap].Add(1)
				continue
			}
			before := d.resend.Throttled()
			if ok, _ := d.resend.Allow(now, t.id, uint32(count), len(v), rtt); !ok {
				w.count.drops[DropBudget].Add(d.resend.Throttled() - before)
			} else if s.may(now, to, len(v), t.uplink.upcoming(now)) {
				w.batch.again(to, v, count, &w.count.resends)
			}
		}
	}
}

// voiceTo is the rate of voice to a listener in bytes per second.
func (rr *repairs) voiceTo(now time.Duration, s *session) float64 {
	sum := 0
	for _, t := range rr.order[:min(len(rr.order), maxViews)] {
		if t != s && now-t.uplink.forwarded <= time.Second && rr.hears(s, t.id) {
			bytes, _ := t.uplink.meter.LastSecond(now)
			sum += bytes
		}
	}
	return float64(sum)
}

// shareOf is the part of the voice to a listener that is this talker's, whom it hears: what comes through is shared by all of it.
func (rr *repairs) shareOf(now time.Duration, s, talker *session) float64 {
	own, _ := talker.uplink.meter.LastSecond(now)
	if all := rr.voiceTo(now, s); own > 0 && all > 0 {
		return min(float64(own)/all, 1)
	}
	return 1
}

// divide shares a listener's cap among those who talk, and reports whether a talker's part has changed.
func (rr *repairs) divide(now time.Duration, s *session) bool {
	if s.downlink.cap == 0 {
		changed := s.downlink.part != 0
		s.downlink.part = 0
		return changed
	}
	n := 0
	for _, t := range rr.ups {
		if last := min(t.uplink.voiced, t.uplink.forwarded); t != s && last > 0 && now-last <= partMemory && !t.gone.Load() {
			n++
		}
	}
	d, part := s.downlink, s.downlink.cap
	if n = min(n, int(partOf*wire.Kbps(d.cap)/repair.LeastPart)); n > 1 {
		part = int(partOf * float64(d.cap) / float64(n))
	}
	changed := part != d.part
	d.part = part
	return changed
}

// sendApart sends items to those who cannot have them all: within their cap, from the
// loudest talkers, with counts of their own. It must be last, as it writes these into the items.
func (w *Worker) sendApart(now time.Duration, q *queue, l *Listeners, items []item) {
	rr := &q.room.repairs
	rr.mu.Lock()
	for _, s := range l.apart {
		to, ok := s.where()
		if !ok {
			continue
		}
		w.picked = w.picked[:0]
		for i := range items {
			d := q.data(&items[i])
			if items[i].talker == s.id {
				continue
			}
			v := rr.downlinkOf(s).viewOf(items[i].talker)
			switch {
			case !rr.hears(s, items[i].talker):
				w.count.drops[DropFewer].Add(1)
				v.omit(items[i].count)
			// The louder go first: the others leave room for them. An item of a
			// bundle is counted as if it went alone.
			case !s.may(now, to, len(d), rr.louder(now, s, items[i].talker, len(d)+wire.Overhead(to.Addr()))):
				w.count.drops[DropCap].Add(1)
				v.omit(items[i].count)
			default:
				w.picked = append(w.picked, items[i])
				netproto.SetHop(d, netproto.Hop{Count: v.sent(items[i].count)})
			}
		}
		if d, n := w.assemble(q, w.picked, 0); n > 0 {
			w.batch.add(to, d, &w.count.delivered, n)
		}
	}
	rr.mu.Unlock()
	w.count.packets.Add(uint64(len(w.batch.sends)))
	w.emit()
}
