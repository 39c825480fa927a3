package adapt

import (
	"cmp"
	"container/heap"
	"math/rand/v2"
	"time"

	"github.com/tincan-voice/tincan/internal/estimate"
	"github.com/tincan-voice/tincan/internal/netsim"
	"github.com/tincan-voice/tincan/internal/repair"
	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/netproto/wire"
)

const ms = time.Millisecond

// world runs events in virtual time.
type world struct {
	now    time.Duration
	events events
	count  int
}

type event struct {
	at    time.Duration
	order int
	do    func()
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].order < e[j].order
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any     { x := (*e)[len(*e)-1]; *e = (*e)[:len(*e)-1]; return x }

func (w *world) at(t time.Duration, do func()) {
	w.count++
	heap.Push(&w.events, event{max(t, w.now), w.count, do})
}

func (w *world) run(until time.Duration) {
	for len(w.events) > 0 && w.events[0].at <= until {
		e := heap.Pop(&w.events).(event)
		w.now = e.at
		e.do()
	}
	w.now = until
}

// call is one talker, its relay and one listener, with the ladder in the loop.
//
//	talker ── up ──> relay ── down ──> listener; feedback, nacks and reports come back
//	after back, over a path that is clean.
type call struct {
	w        *world
	ladder   *Ladder
	rtt      estimate.RoundTrip
	rng      *rand.Rand
	up, down netsim.Link
	back     time.Duration
	mute     func(time.Duration) bool // silence

	seq      uint32
	group    int // frames since the last datagram
	relay    end
	listener end
	told     uint32 // sequence number in the last feedback
	cache    map[uint32]int

	sent    []sending
	changes []time.Duration
	queues  []time.Duration // longest queue of the uplink, per second
	trace   func(now time.Duration, d Decision)
	noWord  func(time.Duration) bool // feedback and acks are lost
}

type sending struct {
	at    time.Duration
	bytes int
}

// end is what the relay or the listener measures.
type end struct {
	sent     repair.Sent    // to it
	account  repair.Account // of that
	asker    repair.Asker
	queue    estimate.Queue
	schedule repair.Schedule
	bytes    [20]int // per 50 ms
	cell     int64
	frames   map[uint32]bool
}

func (e *end) add(now time.Duration, n int) {
	c := int64(now / (50 * ms))
	for ; e.cell < c; e.cell++ {
		e.bytes[(e.cell+1)%20] = 0
	}
	e.bytes[c%20] += n + netsim.HeaderBytes
}

func (e *end) rate(now time.Duration) wire.Kbps {
	e.add(now, -netsim.HeaderBytes)
	sum := 0
	for _, b := range e.bytes {
		sum += b
	}
	return wire.KbpsOf(sum, time.Second)
}

func newCall(w *world, cfg Config, up, down netsim.Link, seed uint64) *call {
	c := &call{w: w, rng: rand.New(rand.NewPCG(seed, 9)), up: up, down: down, back: 60 * ms, cache: map[uint32]int{}}
	c.relay.frames, c.listener.frames = map[uint32]bool{}, map[uint32]bool{}
	c.ladder = New(w.now, cfg)
	return c
}

func (c *call) start(from time.Duration) {
	c.w.at(from, c.frame)
	c.w.at(from, c.probe)
	c.w.at(from, c.relayTick)
	c.w.at(from, c.listenerTick)
}

func (c *call) changed(yes bool) {
	if yes {
		c.changes = append(c.changes, c.w.now)
		if c.trace != nil {
			c.trace(c.w.now, c.ladder.Decision())
		}
	}
}

// frame is the talker's clock.
func (c *call) frame() {
	now := c.w.now
	c.seq++
	c.group++
	c.w.at(now+wire.FrameDuration, c.frame)
	if c.seq%10 == 0 {
		c.changed(c.ladder.Poll(now))
	}
	d := c.ladder.Decision()
	if c.group < d.Stride {
		return
	}
	c.group = 0
	if c.mute != nil && c.mute(now) {
		return
	}
	// Opus varies: 60 to 150 % of the mean, less where there is no room.
	sized := func(bitrate int) int {
		return int(coded(float64(bitrate), d.Wideband) / 400 * (0.6 + 0.8*c.rng.Float64()))
	}
	frame := func() int { return sized(d.Bitrate) }
	copied := func() int { return sized(cmp.Or(d.CopyBitrate, d.Bitrate)) }
	room := c.ladder.Room(now, 0)
	size := datagramBytes - 1
	for range d.Stride {
		size += min(frame(), (room-size)/d.Stride-frameBytes) + frameBytes
	}
	for range d.Copies {
		more := 0
		for range d.Stride {
			more += copied() + frameBytes
		}
		if size+more <= room {
			size += more
		}
	}
	c.send(datagram{Seq: c.seq, Speech: true}, size, Voice)
}

type datagram = repair.Datagram

func (c *call) send(d datagram, size int, kind Kind) {
	now := c.w.now
	if size < 30 || !c.ladder.Send(now, size, kind) {
		return
	}
	if kind == Voice {
		d.Count, c.cache[d.Seq] = c.relay.sent.Add(d.Seq), size
	}
	c.sent = append(c.sent, sending{now, size + netsim.HeaderBytes})
	fate := c.up.Send(now, size)
	for _, at := range fate.At[:fate.Copies] {
		if q := at - now; kind == Voice {
			second := int(now / time.Second)
			for len(c.queues) <= second {
				c.queues = append(c.queues, 0)
			}
			c.queues[second] = max(c.queues[second], q)
		}
		c.w.at(at, func() { c.atRelay(d, size) })
	}
}

func (c *call) probe() {
	sent := c.w.now
	c.w.at(sent+time.Second, c.probe)
	if !c.ladder.Send(sent, 37, Control) {
		return
	}
	c.sent = append(c.sent, sending{sent, 37 + netsim.HeaderBytes})
	fate := c.up.Send(sent, 37)
	if fate.Copies > 0 {
		c.w.at(fate.At[0]+c.back, func() {
			if c.noWord == nil || !c.noWord(c.w.now) {
				c.rtt.Add(c.w.now - sent)
				c.ladder.Probed(c.rtt.Value())
			}
		})
	}
}

func (c *call) atRelay(d datagram, size int) {
	now, seq := c.w.now, d.Seq
	c.relay.add(now, size)
	if c.relay.frames[seq] {
		return
	}
	c.relay.frames[seq] = true
	if c.relay.asker.Arrived(now, d) {
		c.relay.queue.Arrived(now, time.Duration(seq)*wire.FrameDuration)
	}
	d.Count, d.Again = c.listener.sent.Add(seq), false
	fate := c.down.Send(now, size-4)
	for _, at := range fate.At[:fate.Copies] {
		c.w.at(at, func() { c.atListener(d, size) })
	}
}

func (c *call) atListener(d datagram, size int) {
	now, seq := c.w.now, d.Seq
	c.listener.add(now, size)
	if c.listener.frames[seq] {
		return
	}
	c.listener.frames[seq] = true
	if c.listener.asker.Arrived(now, d) {
		c.listener.queue.Arrived(now, time.Duration(seq)*wire.FrameDuration)
	}
}

// relayTick asks for what is missing and sends feedback.
func (c *call) relayTick() {
	now := c.w.now
	c.w.at(now+5*ms, c.relayTick)
	r := &c.relay
	r.asker.SetPath(2*c.back, repair.Patience(2*c.back, 60*ms, 0))
	for _, x := range r.asker.Poll(now, nil) {
		if size, ok := c.cache[x.Seq]; ok {
			c.w.at(now+c.back, func() { c.send(datagram{Seq: x.Seq, Count: x.Count, Again: true, Speech: true}, size, Resend) })
		}
	}
	if r.asker.Receipt().Seq == c.told {
		return // nobody is told of silence
	}
	mood := r.asker.Mood(now)
	if !r.schedule.Due(now, max(mood, c.listener.mood(now))) {
		return
	}
	c.told = r.asker.Receipt().Seq
	f := Feedback{
		Up: r.fate(), Rate: r.rate(now), Queue: r.queue.Delay(now), Trend: r.queue.Trend(now),
		Listeners: 1, Down: c.listener.fate(),
		RTT: 120 * ms, DownQueue: max(c.listener.queue.Delay(now)-r.queue.Delay(now), 0), DownTrend: c.listener.queue.Trend(now),
	}
	if c.listener.queue.Delay(now) >= repair.JammedQueue {
		f.DownRate = c.listener.rate(now)
	}
	c.w.at(now+c.back, func() {
		if c.noWord == nil || !c.noWord(c.w.now) {
			c.changed(c.ladder.Heard(c.w.now, f))
		}
	})
}

// fate is what a receipt tells.
func (e *end) fate() netproto.Outcome {
	o, _ := e.account.Take(&e.sent, e.asker.Receipt(), 1)
	return o
}

func (e *end) mood(now time.Duration) repair.Mood {
	return e.asker.Mood(now)
}

func (c *call) listenerTick() {
	now := c.w.now
	c.w.at(now+20*ms, c.listenerTick)
	c.listener.asker.Poll(now, nil) // it is not simulated that the relay resends
}

// worstSecond is the most that was sent in any second, in kbit/s.
func (c *call) worstSecond() float64 {
	sum, from, worst := 0, 0, 0
	for i := range c.sent {
		sum += c.sent[i].bytes
		for c.sent[i].at-c.sent[from].at >= time.Second {
			sum -= c.sent[from].bytes
			from++
		}
		worst = max(worst, sum)
	}
	return float64(worst) * 8 / 1000
}

// rate is the mean rate in kbit/s of what was sent in a span of time.
func (c *call) rate(from, to time.Duration) float64 {
	sum := 0
	for _, s := range c.sent {
		if s.at >= from && s.at < to {
			sum += s.bytes
		}
	}
	return float64(sum) * 8 / 1000 / (to - from).Seconds()
}

func lan() netsim.Link { return netsim.Delay(ms) }

func far() netsim.Link {
	return netsim.Chain(netsim.Delay(60*ms), netsim.Jitter(netsim.HalfNormal(4*ms), false, 3))
}
