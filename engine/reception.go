package engine

import (
	"time"

	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/internal/estimate"
	"github.com/tincan-voice/tincan/internal/repair"
	"github.com/tincan-voice/tincan/netproto"
)

// reception is how one talker's datagrams come through, for nacks and reports. It is made
// with the jitter buffer, when the talker is first heard.
type reception struct {
	asker  repair.Asker
	seq    uint32 // of the newest datagram
	speech bool   // it was inside a talkspurt
	queue  estimate.Queue
	last   time.Duration // when the last datagram came
	told   bool          // in a report since
}

// arrived takes a datagram that is new, with its frames, and returns how many frames before it were lost on the
// talker's own hop, where the relay asks for them.
func (r *reception) arrived(now time.Duration, h netproto.Header, hop netproto.Hop, frames []netproto.Frame) (before uint32) {
	r.last, r.told = now, false
	speech := h.Voice || h.Level < codec.Silent
	lost := r.asker.Stats().Lost
	newest := r.asker.Arrived(now, repair.Datagram{Seq: h.Seq, Count: hop.Count, Again: hop.Again, Speech: speech}) == repair.Newest
	copies := uint32(0)
	for i := range frames {
		if n := frames[i].Number; n != h.Seq {
			r.asker.Have(n)
			if later := h.Seq - n; int(later) >= r.asker.Stride() && (copies == 0 || later < copies) {
				copies = later
			}
		}
	}
	if newest {
		stride := uint32(r.asker.Stride())
		if gap := h.Seq - r.seq; r.speech && gap > stride && gap <= maxUpstream && lost == r.asker.Stats().Lost {
			before = gap - stride
		}
		r.queue.Arrived(now, time.Duration(h.Seq)*netproto.FrameDuration)
		if h.Voice { // the end of a talkspurt is said twice in any case
			r.asker.Copies(now, copies)
		}
	}
	if h.Seq > r.seq {
		r.seq, r.speech = h.Seq, speech
	}
	return before
}

// maxUpstream is the longest gap, in frames, that what was sent again may still fill in time: 640 ms.
const maxUpstream = 32

// mood judges the way of the talker's datagrams.
func (r *reception) mood(now time.Duration) repair.Mood {
	return repair.PathMood(now, &r.asker, &r.queue)
}

// outlook is what all talkers share: the way from the relay, and what the relay is told.
type outlook struct {
	schedule repair.Schedule
	meter    estimate.Meter
	rtt      time.Duration
	rttTold  time.Duration
	cap      int // kbit/s, 0 = none
	deaf     bool
	changed  bool // cap or deaf have, and the relay has not been told
	repeats  int  // reports still to come for that, as they may get lost
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
	// heardLately is how long after its last datagram a talker's queue says something.
	heardLately = 500 * time.Millisecond
	// lossSpan is the time over which the length of bursts is taken.
	lossSpan = estimate.LossMemory
	// maxTalkers is how many talkers a report tells of; a relay forwards fewer.
	maxTalkers = 16
)

// SetCap sets the most that the relay may send in kbit/s, IP and UDP headers counted; 0 is
// no cap. The relay tells those who talk their part of it, and keeps to it with fewer talkers, then with fewer copies.
func (l *Listener) SetCap(kbps int) {
	if l.outlook.cap != kbps {
		l.outlook.cap = kbps
		l.outlook.tell()
	}
}

// SetDeaf asks the relay to send no voice, or to go on.
func (l *Listener) SetDeaf(deaf bool) {
	if l.outlook.deaf == deaf {
		return
	}
	l.outlook.deaf = deaf
	l.outlook.tell()
	for _, p := range l.order {
		if p.reception != nil {
			p.reception.asker.Resync() // what was not sent was not lost
		}
	}
}

func (o *outlook) tell() { o.changed, o.repeats = true, tellRepeats }

// SetRoundTrip tells the round trip to the relay, smoothed. The relay is told of it even when
// nobody is heard, for its nacks to us.
func (l *Listener) SetRoundTrip(rtt time.Duration) {
	o := &l.outlook
	o.rtt = rtt
	if 8*(rtt-o.rttTold).Abs() > o.rttTold {
		o.repeats = max(o.repeats, 1)
	}
}

// Arrived counts a datagram of any type, size bytes with IP and UDP headers.
func (l *Listener) Arrived(now time.Duration, size int) { l.outlook.meter.Add(now, size) }

// Poll returns what the relay should be told now: the body of a nack and that of a
// report, nil where there is nothing to tell. Call it when NextDeadline says so. The bodies are the
// Listener's and good until the next call.
func (l *Listener) Poll(now time.Duration) (nack, report []byte) {
	return l.ask(now), l.tell(now)
}

// judgeEvery is how often the paths are judged while somebody is heard: whether a report cannot wait.
const judgeEvery = 100 * time.Millisecond

// NextDeadline is when Poll should be called next, and false while there is nothing to come. A datagram may bring
// it forward.
func (l *Listener) NextDeadline(now time.Duration) (next time.Duration, ok bool) {
	o := &l.outlook
	if o.changed {
		return now, true
	}
	news := o.deaf || o.repeats > 0
	next = o.judged + judgeEvery
	for _, p := range l.awake {
		if p.gone {
			continue
		}
		news = news || !p.reception.told
		if at, due := p.reception.asker.NextDeadline(); due {
			next, ok = min(next, at), true
		}
	}
	return next, ok || news
}

// ask makes a nack for the datagrams that are missing and would still come in time.
func (l *Listener) ask(now time.Duration) []byte {
	o := &l.outlook
	o.blocks = o.blocks[:0]
	for _, p := range l.awake {
		if at, ok := p.reception.asker.NextDeadline(); p.gone || !ok || at > now {
			continue
		}
		r := p.reception
		r.asker.SetPath(o.rtt, repair.Patience(l.path, p.delay, r.asker.Loss(now, lossSpan).Fraction()))
		o.asked = r.asker.Poll(now, o.asked[:0])
		for _, d := range o.asked {
			o.blocks = netproto.AddNack(o.blocks, p.session, d.Count)
			for i := range uint32(r.asker.Stride()) {
				p.buffer.Expect(now, d.Seq-i, o.rtt)
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
func (l *Listener) tell(now time.Duration) []byte {
	o := &l.outlook
	o.judged = now
	o.report.Unopened = l.unopened(now, o.report.Unopened[:0])
	news, mood, queue, trend := o.deaf || o.repeats > 0 || len(o.report.Unopened) > 0, repair.Calm, time.Duration(-1), 0.0
	for _, p := range l.awake {
		if p.gone || p.reception.told {
			continue
		}
		news = true
		mood = max(mood, p.reception.mood(now))
		if q := p.reception.queue.Delay(now); now-p.reception.last < heardLately && (queue < 0 || q < queue) {
			queue, trend = q, p.reception.queue.Trend(now) // what all share is at most the least of theirs
		}
	}
	if !news || !o.schedule.Due(now, mood) && !o.changed {
		return nil
	}
	o.rttTold = o.rtt
	o.changed, o.repeats = false, max(o.repeats-1, 0)
	ms := func(d time.Duration) uint16 { return uint16(min(max(d.Milliseconds(), 0), 1<<16-1)) }
	r := &o.report
	*r = netproto.Report{
		Deaf: o.deaf, Cap: uint16(min(o.cap, 1<<16-1)), Rate: uint16(min(o.meter.Rate(now)+0.5, 1<<16-1)),
		RTT: ms(o.rtt), Queue: ms(queue), Trend: int16(min(max(trend*1000, -1<<15), 1<<15-1)),
		Talkers: r.Talkers[:0], Unopened: r.Unopened,
	}
	for _, p := range l.awake {
		if !p.gone && !p.reception.told && len(r.Talkers) < maxTalkers {
			p.reception.told = true
			r.Talkers = append(r.Talkers, p.report(now))
		}
	}
	body, err := netproto.AppendReport(o.body[:0], r)
	if err != nil {
		panic("engine: " + err.Error()) // maxTalkers fit
	}
	o.body = body
	return body
}

// unopened appends those who talk under another passphrase: few, as the relay forwards few at a time.
func (l *Listener) unopened(now time.Duration, dst []uint32) []uint32 {
	if l.counts[DropForged] == 0 {
		return dst
	}
	for _, p := range l.order {
		if d := &p.dropped; d.foreign() && now-d.last < talksOn && len(dst) < maxTalkers {
			dst = append(dst, p.session)
		}
	}
	return dst
}

// report is the block of one talker.
func (p *peer) report(now time.Duration) netproto.TalkerReport {
	r, s := p.reception, p.stats(now)
	asked := r.asker.Stats()
	return netproto.TalkerReport{
		Session: p.session, Received: uint16(asked.Received), Lost: uint16(asked.Lost),
		Played: uint16(s.Frames), Concealed: uint16(s.Concealed),
		BurstQ3: uint8(min(r.asker.Loss(now, lossSpan).Burst()*8+0.5, 255)),
		Jitter:  uint16(min(s.Buffer.Spread.Milliseconds(), 1<<16-1)), Buffer: uint16(min(s.Delay.Milliseconds(), 1<<16-1)),
	}
}
