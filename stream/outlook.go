package stream

import (
	"slices"
	"time"

	"github.com/tincan-voice/tincan/internal/estimate"
	"github.com/tincan-voice/tincan/internal/repair"
	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/netproto/wire"
)

// outlook is what all talkers share: the way from the relay, and what the relay is told.
type outlook struct {
	schedule repair.Schedule
	meter    estimate.Meter
	rtt      time.Duration
	rttTold  time.Duration
	cap      wire.Kbps // 0 = none
	deaf     bool
	reliable bool // nothing is asked for
	repeats  int  // reports still to come since cap or deaf has changed, as they may get lost
	judged   time.Duration

	report netproto.Report
	blocks []netproto.NackBlock
	asked  []repair.Ask
	nack   []byte
	body   []byte
}

const (
	// tellRepeats is how often the relay is told of a changed cap or that we listen again.
	tellRepeats = 5
	// maxTalkers is how many talkers a report tells of; a relay forwards fewer.
	maxTalkers = 16
)

// SetCap sets the most that the relay may send, in whole kbit/s up to 65535; 0 is no cap. The relay tells those who
// talk their part of it, and keeps to it with fewer talkers, then with fewer copies.
func (r *Receiver) SetCap(most wire.Kbps) {
	if r.outlook.cap != most {
		r.outlook.cap = most
		r.outlook.tell()
	}
}

// SetDeaf asks the relay to send no voice, or to go on.
func (r *Receiver) SetDeaf(deaf bool) {
	if r.outlook.deaf == deaf {
		return
	}
	r.outlook.deaf = deaf
	r.outlook.tell()
	for _, t := range r.order {
		if t.reception != nil {
			t.reception.asker.Resync() // what was not sent was not lost
		}
	}
}

// tell has the relay told at once, and again.
func (o *outlook) tell() {
	o.schedule, o.judged, o.repeats = repair.Schedule{}, -judgeEvery, tellRepeats
}

// SetReliable tells whether the path from the relay loses nothing, as a tunnel through TCP: what is missing there is
// not asked for.
func (r *Receiver) SetReliable(reliable bool) { r.outlook.reliable = reliable }

// SetRoundTrip tells the round trip to the relay, smoothed. The relay is told of it even when
// nobody is heard, for its nacks to us.
func (r *Receiver) SetRoundTrip(rtt time.Duration) {
	o := &r.outlook
	o.rtt = rtt
	if 8*(rtt-o.rttTold).Abs() > o.rttTold {
		o.repeats = max(o.repeats, 1)
	}
}

// Arrived counts a datagram of any type, size bytes with IP and UDP headers.
func (r *Receiver) Arrived(now time.Duration, size int) { r.outlook.meter.Add(now, size) }

// SetPath tells the way from a talker to here, one way, when no queue is on it: what is asked for must be worth
// waiting for.
func (r *Receiver) SetPath(way time.Duration) { r.way = way }

// Poll returns what the relay should be told now: the body of a nack and that of a
// report, nil where there is nothing to tell. Call it when NextDeadline says so. The bodies are the
// Receiver's and good until the next call.
func (r *Receiver) Poll(now time.Duration) (nack, report []byte) {
	return r.ask(now), r.tell(now)
}

const (
	// judgeEvery is how often the paths are judged while somebody is heard: whether a report cannot wait.
	judgeEvery = 100 * time.Millisecond
	// activeFor is how long after its last datagram something may be asked or told of a talker.
	activeFor = 3 * time.Second
)

// NextDeadline is when Poll should be called next, and false while there is nothing to come. A datagram may bring
// it forward.
func (r *Receiver) NextDeadline() (next time.Duration, ok bool) {
	o := &r.outlook
	news := o.deaf || o.repeats > 0
	next = o.judged + judgeEvery
	for _, t := range r.active {
		news = news || !t.reception.told
		if at, due := t.reception.asker.NextDeadline(); due {
			next, ok = min(next, at), true
		}
	}
	return next, ok || news
}

// ask makes a nack for the datagrams that are missing and would still come in time.
func (r *Receiver) ask(now time.Duration) []byte {
	o := &r.outlook
	o.blocks = o.blocks[:0]
	for _, t := range r.active {
		a := &t.reception.asker
		if at, ok := a.NextDeadline(); !ok || at > now {
			continue
		}
		delay := r.cfg.Playing(t.session).Delay
		a.SetPath(o.rtt, repair.Patience(r.way, delay, a.Loss()))
		o.asked = a.Poll(now, o.asked[:0])
		if o.reliable {
			continue
		}
		for _, d := range o.asked {
			o.blocks = netproto.AddNack(o.blocks, t.session, d.Count)
			for i := range uint32(a.Stride()) {
				r.cfg.Asked(now, t.session, d.Seq-i, o.rtt)
			}
		}
	}
	if len(o.blocks) == 0 {
		return nil
	}
	body, err := netproto.AppendNack(o.nack[:0], o.blocks)
	if err != nil {
		return nil // of more talkers than any relay forwards: the next Poll asks for what is still missing
	}
	o.nack = body
	return body
}

// tell makes a report when one is due.
func (r *Receiver) tell(now time.Duration) []byte {
	o := &r.outlook
	o.judged = now
	o.report.Unopened = r.unopened(now, o.report.Unopened[:0])
	news, mood, queue, trend := o.deaf || o.repeats > 0 || len(o.report.Unopened) > 0, repair.Calm, time.Duration(-1), 0.0
	r.active = slices.DeleteFunc(r.active, func(t *talker) bool {
		t.active = !t.reception.told || now-t.reception.last < activeFor
		return !t.active
	})
	for _, t := range r.active {
		c := t.reception
		if c.told {
			continue
		}
		news = true
		mood = max(mood, c.asker.Mood(now))
		if q, grows := c.asker.Queue(now); q >= 0 && (queue < 0 || q < queue) {
			queue, trend = q, grows // what all share is at most the least of theirs
		}
	}
	if !news || !o.schedule.Due(now, mood) {
		return nil
	}
	o.rttTold, o.repeats = o.rtt, max(o.repeats-1, 0)
	report := &o.report
	*report = netproto.Report{
		Deaf: o.deaf, Cap: uint16(min(o.cap, 1<<16-1)), Rate: uint16(min(o.meter.Rate(now)+0.5, 1<<16-1)),
		RTT: ms(o.rtt), Queue: ms(queue), Trend: int16(min(max(trend*1000, -1<<15), 1<<15-1)),
		Talkers: report.Talkers[:0], Unopened: report.Unopened,
	}
	for _, t := range r.active {
		if !t.reception.told && len(report.Talkers) < maxTalkers {
			t.reception.told = true
			report.Talkers = append(report.Talkers, t.reception.report(t.session, r.cfg.Playing(t.session)))
		}
	}
	body, err := netproto.AppendReport(o.body[:0], report)
	if err != nil {
		panic("stream: " + err.Error()) // maxTalkers fit
	}
	o.body = body
	return body
}

func ms(d time.Duration) uint16 { return uint16(min(max(d.Milliseconds(), 0), 1<<16-1)) }

// report is the block of one talker.
func (r *reception) report(session uint32, p Playing) netproto.TalkerReport {
	played, concealed := p.Frames-r.playing.Frames, p.Concealed-r.playing.Concealed
	r.playing = p
	return netproto.TalkerReport{
		Session: session, Receipt: *r.asker.Receipt(),
		HoleQ8: uint8(min(256*concealed/max(played, 1), 255)),
		Jitter: ms(p.Spread), Buffer: ms(p.Delay),
	}
}
