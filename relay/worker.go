package relay

import (
	"net/netip"
	"time"

	"github.com/tincan-voice/tincan/internal/repair"
	"github.com/tincan-voice/tincan/internal/udpio"
	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/netproto/wire"
)

// Path is the two ends of a datagram's way: a session's address, and the relay's own that
// it has asked and takes answers from.
type Path = udpio.Path

// Output takes what a Worker wants sent. The datagram is the Worker's own
// again after the call.
type Output interface {
	// Send sends along one path, and reports whether it could.
	Send(to Path, d []byte) bool
	// Forward sends to all listeners but those whose indexes are in skip
	// (rising), and returns how many could be sent.
	Forward(l *Listeners, skip []int, d []byte) (sent int)
}

// SendFunc is an Output made of a plain function, for tests and laboratories.
type SendFunc func(to netip.AddrPort, d []byte)

// Send implements Output.
func (f SendFunc) Send(to Path, d []byte) bool {
	f(to.Remote, d)
	return true
}

// Forward implements Output.
func (f SendFunc) Forward(l *Listeners, skip []int, d []byte) (sent int) {
	for i, to := range l.paths {
		if len(skip) > 0 && skip[0] == i {
			skip = skip[1:]
			continue
		}
		f(to.Remote, d)
		sent++
	}
	return sent
}

// Worker handles datagrams. It belongs to one goroutine; a Core has as many as
// it likes, and each may get any session's datagrams.
//
//	for each batch:  Queue, Queue, ... Flush    voice goes out with Flush
//	or one by one:   Handle                     and does not wait
type Worker struct {
	core   *Core
	out    Output
	count  *counters
	tagger *netproto.HopTagger
	every  time.Duration // between a session's datagrams
	open   []byte        // body of the datagram under way
	body   []byte        // of the answer under way
	reply  []byte

	// What is on its way.
	queues []*queue // with something in them
	spare  []*queue
	skip   []int
	bundle []byte
	alone  queue // of one item
	replay replay
	batch  batch

	// Repairs.
	agenda   agenda
	changes  []change
	reported netproto.Report
	blocks   []netproto.NackBlock
	asks     []repair.Ask
	views    [maxViews]repair.View
	collect  collector
	picked   []item

	// Load.
	busy    bool
	weighed time.Duration
	before  uint64 // delivered at that time
}

// NewWorker returns a Worker that sends through out.
func (c *Core) NewWorker(out Output) *Worker {
	w := &Worker{
		core: c, out: out, count: new(counters), tagger: netproto.NewHopTagger(),
		every: time.Second / time.Duration(c.cfg.SessionRate),
		open:  make([]byte, 0, netproto.MaxDatagram), reply: make([]byte, 0, netproto.MaxDatagram),
		bundle: make([]byte, 0, netproto.MaxDatagram),
	}
	w.replay.addFunc = w.replay.add
	c.mu.Lock()
	c.counts = append(c.counts, w.count)
	c.mu.Unlock()
	return w
}

// sessionBurst is how much of its rate a session may save up: after an outage
// an access network hands over what it held back.
const sessionBurst = 2 * time.Second

// Handle takes one datagram that came from an address, and sends what comes of
// it. It keeps nothing of d, but may change it.
func (w *Worker) Handle(now time.Duration, from netip.AddrPort, d []byte) Drop {
	drop := w.Queue(now, Path{Remote: from}, d)
	for _, q := range w.queues {
		q.due = now
	}
	w.Flush(now)
	return drop
}

// Queue takes one datagram that came along a path. Answers go out at once,
// voice with the next Flush: until then d must be left alone. It may be changed.
func (w *Worker) Queue(now time.Duration, from Path, d []byte) Drop {
	w.count.received.Add(1)
	drop := w.handle(now, from, d)
	if drop != Kept {
		w.count.drops[drop].Add(1)
	}
	return drop
}

func (w *Worker) handle(now time.Duration, from Path, d []byte) Drop {
	if len(d) > netproto.MaxDatagram {
		return DropMalformed
	}
	h, err := netproto.ParseHeader(d)
	switch err {
	case nil:
	case netproto.ErrVersion:
		return DropVersion
	case netproto.ErrType:
		return DropType
	default:
		return DropMalformed
	}
	s := w.core.table.get(h.Session)
	if s == nil || s.tag == nil {
		return DropUnknown
	}
	home := s.at(from)
	var look charge
	if !home {
		var ok bool
		if look, ok = w.core.strangers.look(now, from.Addr(), s); !ok {
			return DropStranger
		}
	}

	var body []byte
	switch h.Type {
	case netproto.TypeVoice:
		var ok bool
		if body, ok = w.tagger.Check(s.tag, d); !ok {
			return DropForged
		}
	case netproto.TypeProbe, netproto.TypeReport, netproto.TypeNack, netproto.TypeChallengeReply:
		if body, err = s.up.Open(w.open[:0], d); err != nil {
			return DropForged
		}
	default:
		return DropType
	}
	if !s.accept(h.Type, h.Seq) {
		return DropReplayed
	}
	look.refund()
	if !s.rate.allow(now, w.every, sessionBurst) {
		return DropSessionRate
	}
	s.heard.Store(int64(now))
	s.datagrams.Add(1)

	if h.Type == netproto.TypeChallengeReply {
		return w.proven(s, from, body)
	}
	if !home {
		w.strange(now, s, from, len(d))
	}
	switch h.Type {
	case netproto.TypeVoice:
		return w.forward(now, s, h, body, wire.Overhead(from.Addr())+len(d))
	case netproto.TypeProbe:
		return w.probe(now, s, from, body)
	case netproto.TypeReport:
		return w.report(now, s, body)
	case netproto.TypeNack:
		return w.nack(now, s, body)
	}
	return Kept
}

// forward queues a talker's datagram for everyone else in the room. size is what
// it took on the wire.
func (w *Worker) forward(now time.Duration, s *session, h netproto.Header, voice []byte, size int) Drop {
	r := s.room
	_, hop, err := netproto.SplitHop(voice)
	if err != nil {
		return DropMalformed
	}
	w.replay.reset()
	rr := &r.repairs
	rr.mu.Lock()
	kind := rr.uplinkOf(now, s).arrived(now, h, hop, size)
	w.wake(r, rr.soonest(now, s.uplink))
	heard := r.stage == nil
	switch {
	case heard:
	case kind == repair.Newest:
		heard = r.stage.offer(now, s, h, voice, w.replay.addFunc)
	default:
		heard = r.stage.late(now, s, h, voice)
	}
	l := r.listeners.Load()
	nobody := len(l.apart) == 0 && (len(l.ids) == 0 || len(l.ids) == 1 && l.ids[0] == s.id)
	if heard && !nobody {
		w.replay.each(func(d []byte) { rr.keep(now, s, d) })
		rr.keep(now, s, voice)
	}
	rr.mu.Unlock()
	switch {
	case !heard:
		return DropQuiet
	case nobody:
		return Kept
	}
	q := w.queue(now, r)
	if q == nil { // another worker's: send alone
		w.alone.room, w.alone.items = r, append(w.alone.items[:0], item{talker: s.id, count: countOf(voice), data: voice})
		w.send(now, &w.alone)
		return Kept
	}
	w.replay.each(func(d []byte) { q.copied(s.id, d) })
	q.add(now, s.id, voice)
	return Kept
}

// probe answers a probe with a datagram of the same size.
func (w *Worker) probe(now time.Duration, s *session, from Path, body []byte) Drop {
	p, err := netproto.ParseProbe(body)
	if err != nil {
		return DropMalformed
	}
	w.body = netproto.AppendProbeAck(w.body[:0], netproto.ProbeAck{Echo: p.Time, Time: uint64(now / time.Microsecond)})
	w.reply = s.seal(w.reply[:0], netproto.TypeProbeAck, w.body)
	w.answer(now, s, from, w.reply)
	return Kept
}
