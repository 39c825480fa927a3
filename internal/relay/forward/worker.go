package forward

import (
	"net/netip"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/mend"
	"github.com/tincan-voice/tincan/netproto"
)

// Worker handles datagrams. It belongs to one goroutine; an Exchange has Config.Workers
// of them and some besides, and each may get any session's datagrams.
//
//	for each batch:  Queue, Queue, ... Flush    voice goes out with Flush
//	or one by one:   Handle                     and does not wait
type Worker struct {
	x      *Exchange
	index  int
	out    Output
	mend   *mend.Mender
	count  *counters
	tagger *netproto.HopTagger
	every  time.Duration // between a session's datagrams
	open   []byte        // body of the datagram under way
	body   []byte        // of the answer under way
	reply  []byte
	ends   []netproto.End // of a peer

	// What is on its way.
	outgoing []*outgoing // with something in them
	spare    []*outgoing
	skip     []int
	bundle   []byte
	alone    outgoing // of one item
	picked   []item   // of a bundle, for one listener
	replay   replay
	agenda   agenda // of the rooms in which something is due at a time

	// Load.
	busy    bool
	weighed time.Duration
	before  uint64 // delivered at that time
}

// NewWorker returns the next Worker, which sends through out.
func (x *Exchange) NewWorker(out Output) *Worker {
	x.mu.Lock()
	defer x.mu.Unlock()
	w := &Worker{
		x: x, index: len(x.counts), out: out, count: new(counters), tagger: netproto.NewHopTagger(),
		every: time.Second / time.Duration(x.cfg.SessionRate),
		open:  make([]byte, 0, netproto.MaxDatagram), reply: make([]byte, 0, netproto.MaxDatagram),
		bundle: make([]byte, 0, netproto.MaxDatagram),
	}
	if w.index >= x.cfg.Workers+x.cfg.Besides {
		panic("forward: more workers than the Config has")
	}
	w.mend = mend.New(&w.count.mend)
	w.replay.addFunc = w.replay.add
	x.counts = append(x.counts, w.count)
	return w
}

// sessionBurst is how much of its rate a session may save up: after an outage
// an access network hands over what it held back.
const sessionBurst = 2 * time.Second

// meanSize is how long the datagrams of a session may be on average, in bytes with all headers, where it sends as many as it may. With 200
// per second that is 320 kbit/s: tincan's client sends 280 at most (64 kbit/s of Opus, three copies and headers), and each
// listener gets all of it.
const meanSize = 200

// Handle takes one datagram that came from an address, and sends what comes of
// it. It keeps nothing of d, but may change it.
func (w *Worker) Handle(now time.Duration, from netip.AddrPort, d []byte) Drop {
	drop := w.Queue(now, Path{Remote: from}, d)
	for _, q := range w.outgoing {
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
	s := w.x.find(h.Session)
	if s == nil || s.tag == nil {
		return DropUnknown
	}
	if s.link != nil && !s.link.takes(h.Type) {
		return DropType
	}
	home := s.at(&from)
	look := chargedNobody
	if home == nil {
		var ok bool
		if look, ok = w.x.strangers.look(now, from.Addr(), s); !ok {
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
	case netproto.TypeProbe, netproto.TypeReport, netproto.TypeNack, netproto.TypeChallengeReply, netproto.TypeEnd:
		if h.Type == netproto.TypeEnd && s.link == nil {
			return DropType
		}
		if body, err = s.up.Open(w.open[:0], d); err != nil {
			return DropForged
		}
	default:
		return DropType
	}
	if !s.accept(h.Type, h.Seq) {
		if s.twin(&from) {
			return DropTwin
		}
		return DropReplayed
	}
	w.x.strangers.refund(look, from.Addr(), s)
	if !s.rate.Allow(now, w.every, sessionBurst) {
		return DropSessionRate
	}
	if !s.volume.Allow(now, time.Duration(from.overhead()+len(d))*w.every/meanSize, sessionBurst) {
		return DropVolume
	}
	s.heard.store(now)
	s.datagrams.Add(1)

	if h.Type == netproto.TypeChallengeReply {
		return w.proven(now, s, from, body)
	}
	switch {
	case home != nil:
		home.heard.store(now)
	case s.link == nil: // a peer's path is known
		w.strange(now, s, from, len(d))
	}
	switch h.Type {
	case netproto.TypeVoice:
		return w.forward(now, s, h, body, from.overhead()+len(d))
	case netproto.TypeProbe:
		return w.probe(now, s, from, body)
	case netproto.TypeReport:
		if s.link != nil {
			return w.peerReport(now, s, body)
		}
		return w.report(now, s, body)
	case netproto.TypeNack:
		return w.nack(now, s, body)
	case netproto.TypeEnd:
		return w.ended(now, s, body)
	}
	return Kept
}

// forward queues a talker's datagram for everyone else in the room. size is what
// it took on the wire.
func (w *Worker) forward(now time.Duration, s *Session, h netproto.Header, voice []byte, size int) Drop {
	r := s.room
	sealed, hop, err := netproto.SplitHop(voice)
	if err != nil {
		return DropMalformed
	}
	if len(sealed) < netproto.VoiceHeaderSize+leastSpeech+netproto.TagSize {
		h.Voice, h.Level = false, netproto.Silent // whatever it says
	}
	w.replay.reset()
	r.mu.Lock()
	s.came++
	newest, look := s.Arrived(now, h, hop, size)
	w.wake(r, look)
	muted := now < s.MutedUntil()
	heard := r.stage == nil && !muted
	switch {
	case heard, muted:
	case newest:
		if !s.turn.holds.Load() {
			s.turn.net = s.network()
		}
		heard = r.stage.offer(now, &s.turn, h, voice, w.replay.addFunc)
	default:
		heard = r.stage.late(now, &s.turn, h, voice)
	}
	last, over := uint32(0), false
	switch {
	case heard:
		s.turn.ending.Forwarded(h)
	case newest:
		last, over = s.turn.ending.Over()
	}
	l := r.listeners.Load()
	ids := l.main.ids
	trunks := s.link == nil && len(l.trunks.ids) > 0
	alone := len(l.apart) == 0 && (len(ids) == 0 || len(ids) == 1 && ids[0] == s.ID)
	nobody := alone && !trunks
	if heard && !nobody {
		w.replay.each(func(d []byte) { s.keep(now, d) })
		s.keep(now, voice)
	}
	r.mu.Unlock()
	switch {
	case !heard:
		if over && !nobody {
			w.end(now, r, l, s, last)
		}
		if muted {
			return DropMuted
		}
		return DropQuiet
	case trunks:
		w.replay.each(func(d []byte) { w.relay(l, d) })
		w.relay(l, voice)
	}
	if alone {
		return Kept
	}
	q := w.outgoingTo(now, r)
	if q == nil { // another worker's: send alone
		w.alone.room, w.alone.items = r, append(w.alone.items[:0], item{talker: s.ID, data: voice})
		w.send(now, &w.alone)
		return Kept
	}
	w.replay.each(func(d []byte) { q.copied(s.ID, d) })
	q.add(now, s.ID, voice)
	return Kept
}

// probe answers a probe with a datagram of the same size.
func (w *Worker) probe(now time.Duration, s *Session, from Path, body []byte) Drop {
	p, err := netproto.ParseProbe(body)
	if err != nil {
		return DropMalformed
	}
	s.room.mu.Lock()
	a := netproto.ProbeAck{Echo: p.Time, Came: s.came, Went: s.room.went - s.less, List: uint16(s.room.list.Load())}
	s.room.mu.Unlock()
	w.body = netproto.AppendProbeAck(w.body[:0], a)
	if n := len(w.body); len(body) > n {
		w.body = append(w.body, body[n:]...) // so that both ways are tried with that length
	}
	w.reply = s.seal(w.reply[:0], netproto.TypeProbeAck, w.body)
	w.answer(now, s, from, w.reply)
	return Kept
}

// report takes a listener's report.
func (w *Worker) report(now time.Duration, s *Session, body []byte) Drop {
	s.room.mu.Lock()
	defer s.room.mu.Unlock()
	look, err := w.mend.Report(now, &s.Member, body)
	if err != nil {
		return DropMalformed
	}
	w.wake(s.room, look)
	return Kept
}

// nack answers a listener's nack.
func (w *Worker) nack(now time.Duration, s *Session, body []byte) Drop {
	s.room.mu.Lock()
	look, err := w.mend.Nack(now, &s.Member, body)
	if err == nil {
		w.wake(s.room, look)
	}
	s.room.mu.Unlock()
	if err != nil {
		return DropMalformed
	}
	w.emit()
	return Kept
}

// strange handles a valid datagram of size bytes from where the session is not, or
// where it had fallen silent.
func (w *Worker) strange(now time.Duration, s *Session, from Path, size int) {
	token, ask := w.x.keeper.Challenge(now, s, from, size)
	if !ask {
		return
	}
	w.body = netproto.AppendChallenge(w.body[:0], token)
	w.reply = s.seal(w.reply[:0], netproto.TypeChallenge, w.body)
	w.answer(now, s, from, w.reply)
}

// proven handles the answer to a challenge.
func (w *Worker) proven(now time.Duration, s *Session, from Path, body []byte) Drop {
	r, err := netproto.ParseChallengeReply(body)
	switch {
	case err != nil:
		return DropMalformed
	case !w.x.keeper.Proven(now, s, from, r):
		return DropPath
	}
	return Kept
}

// answer sends to a session what is no voice, within its cap.
func (w *Worker) answer(now time.Duration, s *Session, to Path, d []byte) {
	if s.Apart.Load() {
		s.room.mu.Lock()
		may := w.mend.May(now, &s.Member, len(d)+to.overhead())
		s.room.mu.Unlock()
		if !may {
			return
		}
	}
	w.out.Send(to, d)
}

// PassOver counts a datagram that came while the program stood still.
func (w *Worker) PassOver() {
	w.count.received.Add(1)
	w.count.drops[DropStale].Add(1)
}
