package relay

import (
	"net/netip"
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

// Output takes what a Worker wants sent. The datagram is the Worker's own
// again after the call.
type Output interface {
	// Send sends to one address.
	Send(to netip.AddrPort, d []byte)
	// Forward sends to all listeners but those whose indexes are in skip
	// (rising), and returns how many could be sent.
	Forward(l *Listeners, skip []int, d []byte) (sent int)
}

// SendFunc is an Output made of a plain function, for tests and laboratories.
type SendFunc func(to netip.AddrPort, d []byte)

// Send implements Output.
func (f SendFunc) Send(to netip.AddrPort, d []byte) { f(to, d) }

// Forward implements Output.
func (f SendFunc) Forward(l *Listeners, skip []int, d []byte) (sent int) {
	for i, to := range l.addrs {
		if len(skip) > 0 && skip[0] == i {
			skip = skip[1:]
			continue
		}
		f(to, d)
		sent++
	}
	return sent
}

// Worker handles datagrams. It belongs to one goroutine; a Core has as many as
// it likes, and each may get any session's datagrams.
type Worker struct {
	core   *Core
	out    Output
	count  *counters
	tagger *netproto.HopTagger
	every  time.Duration // between a session's datagrams
	open   []byte        // body of the datagram under way
	body   []byte        // of the answer under way
	reply  []byte
	skip   []int
}

// NewWorker returns a Worker that sends through out.
func (c *Core) NewWorker(out Output) *Worker {
	w := &Worker{
		core: c, out: out, count: new(counters), tagger: netproto.NewHopTagger(),
		every: time.Second / time.Duration(c.cfg.SessionRate),
		open:  make([]byte, 0, netproto.MaxDatagram), reply: make([]byte, 0, netproto.MaxDatagram),
		skip: make([]int, 0, 1),
	}
	c.mu.Lock()
	c.counts = append(c.counts, w.count)
	c.mu.Unlock()
	return w
}

// sessionBurst is how much of its rate a session may save up: after an outage
// an access network hands over what it held back.
const sessionBurst = 2 * time.Second

// Handle takes one datagram that came from an address. It keeps nothing of d.
func (w *Worker) Handle(now time.Duration, from netip.AddrPort, d []byte) Drop {
	w.count.received.Add(1)
	drop := w.handle(now, from, d)
	if drop != Kept {
		w.count.drops[drop].Add(1)
	}
	return drop
}

func (w *Worker) handle(now time.Duration, from netip.AddrPort, d []byte) Drop {
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
	if !home && !w.core.strangers.allow(now, from.Addr()) {
		return DropStranger
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
		w.forward(s, body)
	case netproto.TypeProbe:
		return w.probe(now, s, from, body)
	}
	return Kept
}

// forward sends a talker's datagram to everyone else in the room.
func (w *Worker) forward(s *session, voice []byte) {
	l := s.room.listeners.Load()
	skip := w.skip[:0]
	if i, ok := l.index(s.id); ok {
		skip = append(skip, i)
	}
	want := len(l.ids) - len(skip)
	if want == 0 {
		return
	}
	sent := w.out.Forward(l, skip, voice)
	w.count.forwarded.Add(1)
	w.count.delivered.Add(uint64(sent))
	if sent < want {
		w.count.drops[DropSend].Add(uint64(want - sent))
	}
}

// probe answers a probe with a datagram of the same size.
func (w *Worker) probe(now time.Duration, s *session, from netip.AddrPort, body []byte) Drop {
	p, err := netproto.ParseProbe(body)
	if err != nil {
		return DropMalformed
	}
	w.body = netproto.AppendProbeAck(w.body[:0], netproto.ProbeAck{Echo: p.Time, Time: uint64(now / time.Microsecond)})
	w.reply = s.seal(w.reply[:0], netproto.TypeProbeAck, w.body)
	w.out.Send(from, w.reply)
	return Kept
}
