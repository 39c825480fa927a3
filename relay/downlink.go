package relay

import (
	"math"
	"time"

	"github.com/tincan-voice/tincan/internal/repair"
	"github.com/tincan-voice/tincan/netproto"
)

const (
	// downlinkIdle is how long after a listener's last report or nack it is remembered;
	// one with a cap is for as long as it is there.
	downlinkIdle = 10 * time.Second
	// maxViews is of how many talkers a listener's reports are looked at.
	maxViews = 8
	// viewMemory is the time constant with which a listener's counts fade.
	viewMemory = time.Second
	// freshCounts is up to which total a talker's first block counts from 0 on: later the
	// relay may have missed the beginning.
	freshCounts = 256
	// carried is how many losses of the uplink, and how many datagrams left out, wait at most until a listener reports them
	// lost; the latter no longer than omittedFor, since a gap of more than a second is never reported.
	carried    = 64
	omittedFor = 3 * time.Second
	// lookups is how many numbers of one nack are looked at: as many as Askers of
	// four talkers ask for at once.
	lookups = 64
	// leastPart is the least part of a cap that a talker is told, in kbit/s; where all do not get as much, fewer are
	// forwarded. Several share partOf of it: what they send in the fullest second is more than the mean.
	leastPart, partOf = 16, 0.9
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
	pacer   repair.Pacer
	resend  *repair.Resender // made by the first nack

	held      time.Duration // how long copies were held back, at most
	copied    time.Duration // when that was so last
	suspected bool          // the report before told of a queue that may have been none

	unopened []uint32 // talkers whose voice does not open there, by the last report
}

// view is how one talker comes through to a listener.
type view struct {
	talker  uint32
	known   bool          // a report has been taken the difference of
	at      time.Duration // last report
	was     netproto.TalkerReport
	carry   int           // losses of the uplink that the listener has not reported yet
	omitted int           // datagrams left out for the listener's sake that it has not reported yet
	left    time.Duration // when the last of them was
	burst   float64
	buffer  time.Duration
	jitter  time.Duration // of the arrivals
	shift   repair.Shift

	received, lost, played, concealed float64 // fading
}

func (v *view) loss() float64 { return share(v.lost, v.lost+v.received) }
func (v *view) hole() float64 { return share(v.concealed, v.played) }

func share(part, whole float64) float64 {
	if whole <= 0 {
		return 0
	}
	return min(part/whole, 1)
}

// downlinkOf returns the session's downlink. Called with mu held.
func (rr *repairs) downlinkOf(s *session) *downlink {
	if s.downlink == nil {
		s.downlink = &downlink{changed: -changeEvery, wants: wish{deaf: s.deaf.Load()}}
		rr.downs = append(rr.downs, s)
	}
	return s.downlink
}

func (d *downlink) view(talker uint32) *view {
	for i := range d.views {
		if d.views[i].talker == talker {
			return &d.views[i]
		}
	}
	return nil
}

// leftOut notes that a datagram of a talker was left out for the listener's sake, which is no loss of the path.
func (d *downlink) leftOut(now time.Duration, talker uint32) {
	v := d.view(talker)
	switch {
	case v != nil:
	case len(d.views) < maxViews: // it may be reported yet
		v = d.viewOf(talker)
	default:
		return
	}
	v.omitted, v.left = min(v.omitted+1, carried), now
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
	if !rr.mu.TryLock() {
		return DropBusy // counters are totals: the next one tells all
	}
	defer rr.mu.Unlock()
	r, d := &w.reported, rr.downlinkOf(s)
	d.heard = now
	d.rtt = time.Duration(r.RTT) * time.Millisecond
	d.queue = time.Duration(r.Queue) * time.Millisecond
	d.trend, d.rate = float64(r.Trend)/1000, float64(r.Rate)
	d.hearEchoes(now)
	if d.cap != int(r.Cap) {
		d.cap = int(r.Cap)
		d.pacer.SetCap(now, d.cap)
	}
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
		d.viewOf(b.Session).take(now, b, t.uplink)
		t.uplink.dirty = true
	}
	if s.uplink != nil {
		rr.setPath(s)
	}
	w.plan(now, rr, s, true)
	w.wake(s.room, now)
	return Kept
}

const (
	// echoQueue is from which queue on it is asked whether it is one: below, none does harm.
	echoQueue = 50 * time.Millisecond
	// echoSlack is how much longer than a copy was held back an echo may seem.
	echoSlack = 40 * time.Millisecond
	// echoFor is how long after the last copy a report may still tell of it.
	echoFor = 2 * time.Second
)

// hearEchoes tells queues from copies: one that comes before anything newer does, looks to the
// listener as if it had waited for as long as it was held back here. So where copies are sent a queue of
// that length is believed only if two reports in a row tell of one.
func (d *downlink) hearEchoes(now time.Duration) {
	if held := d.planner.Longest(); held > 0 {
		d.held, d.copied = held, now
	}
	echo := d.held > 0 && now-d.copied < echoFor && d.queue >= echoQueue && d.queue <= d.held+echoSlack
	if echo && !d.suspected {
		d.queue, d.trend = 0, 0
	}
	d.suspected = echo
}

// take takes the differences of a block to the one before. What the talker's uplink lost
// in the same stretch of its sequence is not the downlink's.
func (v *view) take(now time.Duration, b *netproto.TalkerReport, u *uplink) {
	was, first := v.was, v.at == 0
	if first {
		was = netproto.TalkerReport{Session: b.Session, Highest: u.marks[u.marked].seq}
	}
	keep := math.Exp(-float64(now-v.at) / float64(viewMemory))
	v.was, v.at = *b, now
	v.burst = float64(b.BurstQ3) / 8
	v.buffer, v.jitter = time.Duration(b.Buffer)*time.Millisecond, time.Duration(b.Jitter)*time.Millisecond
	if first && (b.Received >= freshCounts || b.Lost >= freshCounts) {
		return
	}
	v.known = true
	if first {
		keep = 0
		was.Highest = 0
	}
	v.carry += int(u.lostUpTo(b.Highest)) - int(u.lostUpTo(was.Highest))
	lost := difference(b.Lost, was.Lost)
	cover := min(lost, max(v.carry, 0))
	v.carry = min(v.carry-cover, carried)
	if now-v.left > omittedFor {
		v.omitted = 0
	}
	omitted := min(lost-cover, v.omitted)
	v.omitted -= omitted
	concealed := float64(difference(b.Concealed, was.Concealed))
	if omitted > 0 {
		concealed *= float64(lost-omitted) / float64(lost)
	}
	v.received = v.received*keep + float64(difference(b.Received, was.Received))
	v.lost = v.lost*keep + float64(lost-cover-omitted)
	v.played = v.played*keep + float64(difference(b.Played, was.Played))
	v.concealed = v.concealed*keep + concealed
}

// difference is that of two totals modulo 65536. One that has gone back, since what was
// lost has come after all, counts as the same.
func difference(now, was uint16) int { return max(int(int16(now-was)), 0) }

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
	down := repair.Downlink{RTT: d.rtt, Rate: d.rate, Queue: d.queue, Trend: d.trend}
	if d.cap > 0 {
		down.Cap = max(int(repair.Sustained(d.cap)-repair.ControlRate), 1)
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
		Talker: t.id, Rate: u.meter.Kbps(now), Stride: u.asker.Stride(),
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
	for i := range d.views {
		v := &d.views[i]
		if v.shift == (repair.Shift{}) {
			continue
		}
		t := rr.talker(v.talker)
		if t == nil || t.uplink.cache == nil {
			v.shift = repair.Shift{}
			continue
		}
		for c := v.shift.Next(t.uplink.cache, now); c != nil; c = v.shift.Next(t.uplink.cache, now) {
			switch {
			case !ok || d.wants.deaf || !rr.hears(s, t.id):
			case !s.may(now, to, len(c), t.uplink.reserve(now)):
				w.count.drops[DropCap].Add(1)
			default:
				w.batch.add(to, c, &w.count.copies, 1)
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
	if !rr.mu.TryLock() {
		return DropBusy
	}
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
	d.resend.SetRate(now, rr.voiceTo(now, s))
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
		for seq := range b.All() {
			if looked++; looked > lookups {
				w.count.drops[DropBudget].Add(1)
				return
			}
			v := t.uplink.cache.Get(now, seq)
			if v == nil {
				continue
			}
			if !d.pacer.Fits(now, len(v)+overhead(to.Addr()), t.uplink.reserve(now)) {
				w.count.drops[DropCap].Add(1)
				continue
			}
			before := d.resend.Stats().Throttled
			if ok, _ := d.resend.Allow(now, t.id, seq, len(v), rtt); !ok {
				w.count.drops[DropBudget].Add(d.resend.Stats().Throttled - before)
			} else if s.may(now, to, len(v), t.uplink.reserve(now)) {
				w.batch.add(to, v, &w.count.resends, 1)
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
	if n = min(n, int(partOf*float64(d.cap)/leastPart)); n > 1 {
		part = int(partOf * float64(d.cap) / float64(n))
	}
	changed := part != d.part
	d.part = part
	return changed
}

// sendApart sends items to those who cannot have them all: within their cap, from the
// loudest talkers.
func (w *Worker) sendApart(now time.Duration, q *queue, l *Listeners, items []item) {
	rr := &q.room.repairs
	if !rr.mu.TryLock() {
		w.count.drops[DropBusy].Add(uint64(len(l.apart) * len(items)))
		return
	}
	for _, s := range l.apart {
		to, ok := s.where()
		if !ok {
			continue
		}
		w.picked = w.picked[:0]
		for i := range items {
			d := q.data(&items[i])
			switch {
			case items[i].talker == s.id:
			case s.downlink == nil:
				w.picked = append(w.picked, items[i])
			case !rr.hears(s, items[i].talker):
				w.count.drops[DropFewer].Add(1)
				s.downlink.leftOut(now, items[i].talker)
			// The louder go first: the others leave room for them. An item of a
			// bundle is counted as if it went alone.
			case !s.may(now, to, len(d), rr.louder(now, s, items[i].talker, len(d)+overhead(to.Addr()))):
				w.count.drops[DropCap].Add(1)
				s.downlink.leftOut(now, items[i].talker)
			default:
				w.picked = append(w.picked, items[i])
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
