package engine

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tincan-voice/tincan/internal/repair"
	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/stream"
)

const (
	// stood is how long after the last look it must be that we ourselves stood still: a stopped process, a busy
	// machine.
	stood = time.Second
	// underWay is how long after a probe that was never answered voice may still have come when both directions died:
	// what was on its way, and what came before the answer would have.
	underWay = 2 * time.Second
	// settles is how long after a change of the list of users a relay may not have everybody's path yet.
	settles = 1500 * time.Millisecond
	// firstEpoch is how long it may take until others use an epoch that we know: a relay begins one at once, but
	// where people come and go all the time, and they use it netproto.EpochGrace after it has come to them.
	firstEpoch = 4500 * time.Millisecond
	// mostFaults is how many are remembered when they are over.
	mostFaults = 64
)

// vitals are the signs of life at one moment. Times are of the clock of the looks.
type vitals struct {
	relay, room string // for the sentences
	phrase      bool   // we have a passphrase

	answered bool          // a probe has ever been
	waiting  bool          // one has not been, and none since
	asked    time.Duration // when that one was sent
	doubt    time.Duration // since when the path is not known to work, if that one is still waited for
	word     time.Duration // when the relay said something last that answers a datagram of ours
	voice    time.Duration // when others' voice came last

	up, down passage // of voice, where probes are answered
	stopped  string  // why the circuit breaker holds voice back; "": it does not

	peers    int           // others in the room
	listed   time.Duration // when that changed last
	hearers  int           // those whom the relay can send voice to; < 0: not known
	reported time.Duration // when the relay said so
	unopened int           // those who then told it that our voice does not open with their passphrase

	input   bool // there is a Source that has not come to its end
	in, out deviceSigns
	muted   bool
	unmuted time.Duration // since when we are not
	sounded time.Duration // when Read gave sound last

	dropped []dropped     // talkers who are not heard, or were not
	unknown bool          // the relay tells of us otherwise than we are
	crowded bool          // there are too many for sender keys
	begun   time.Duration // when the session was
	keyless bool          // no epoch has begun in it

	silenced time.Duration // until then the relay lets nobody hear us
}

// dropped is a talker whose datagrams come and are dropped, with its name and whether it has another passphrase.
type dropped struct {
	stream.Unheard
	name    string
	foreign bool
}

// monitor finds out from the signs of life who is not heard, or does not hear. It is sans-IO: time is an argument.
//
//	fine ── bad for `after` ──> said ── not bad for `clear` ──> said to be over: fine
//
// There is such a state for each kind, and for each session where it is about one.
type monitor struct {
	last    time.Duration // the look before
	stalls  [8]stall      // the latest
	stalled int           // how many there were
	states  map[about]*state
	order   []*state // the same, the oldest first
	changes []Fault
	next    time.Duration

	inPace, outPace pace
}

// stall is a time in which we ourselves stood still: what did not happen then says nothing.
type stall struct{ from, to time.Duration }

// age is how long ago since was, less the time in which we stood still. What happened while the signs of life were
// gathered may be later than now, and is not over before it began.
func (m *monitor) age(now, since time.Duration) time.Duration {
	age := max(0, now-since)
	for _, s := range m.stalls {
		age -= max(0, s.to-max(s.from, since))
	}
	return age
}

// about is what a state is about.
type about struct {
	kind    FaultKind
	session uint32
}

type state struct {
	FaultStats
	bad     bool
	since   time.Duration // when it was first seen to be bad
	wrong   bool          // bad for long enough
	changed time.Duration // when that did
	began   time.Duration // On
	seen    bool          // in this look
}

// look takes the signs of life at now and returns the faults that began or ended, good until the next look, and
// when something will change if nothing happens. Look at least twice per second.
func (m *monitor) look(now time.Duration, v *vitals) (changes []Fault, next time.Duration) {
	if now-m.last > stood {
		m.stalls[m.stalled%len(m.stalls)] = stall{m.last, now}
		m.stalled++
	}
	m.last, m.next, m.changes = now, math.MaxInt64, m.changes[:0]
	for _, s := range m.order {
		s.seen = false
	}
	m.path(now, v)
	m.room(now, v)
	m.understood(now, v)
	m.devices(now, v)
	m.talkers(now, v)
	for _, s := range m.order {
		if s.On && !s.seen {
			m.end(now, s, s.gone(v))
		}
	}
	m.forget()
	return m.changes, m.next
}

// gone says why there is nothing more to be judged.
func (s *state) gone(v *vitals) string {
	switch {
	case v.out.err != nil && (s.Kind == FaultOutputStuck || s.Kind == FaultOutputSlow):
		return "the output has failed"
	case s.Kind == FaultOutputSlow || s.Kind == FaultInputSlow && v.input && v.in.err == nil:
		return "nothing comes through at all now"
	case s.Kind == FaultNobodyListens:
		return "nobody is there any more who did not hear you"
	case s.Session == 0 && v.in.err != nil:
		return "the input has failed"
	case s.Session == 0:
		return "the input has come to its end"
	case slices.ContainsFunc(v.dropped, func(d dropped) bool { return d.Session == s.Session }):
		return sentence(faultTable[s.Kind].off, s.Name, "")
	}
	return sentence("{name} has left", s.Name, "")
}

// path judges the way to the relay and back.
func (m *monitor) path(now time.Duration, v *vitals) {
	m.note(now, Fault{Kind: FaultNoUDP}, !v.answered, v.asked, v.relay)

	unanswered, doubt := max(v.asked, v.word), max(v.doubt, v.word)
	if m.isOn(FaultUDPStopped) || m.isOn(FaultNotHeard) {
		doubt = unanswered - probeEvery // a probe under way is no sign that it lasts, one that is late is
	}
	dead := v.waiting && v.voice < unanswered+underWay
	m.note(now, Fault{Kind: FaultUDPStopped}, v.answered && dead, doubt, v.relay)

	lost := v.waiting && !dead && !m.isOn(FaultUDPStopped) // an answer may follow the voice
	if lost && !m.isOn(FaultNotHeard) {
		doubt = max(v.doubt, v.word-repair.ReportCalm) // it may be about what came long before it was said
	}
	if v.up.shut {
		lost, doubt = true, v.up.since-pathDead+voiceDead
	}
	m.note(now, Fault{Kind: FaultNotHeard}, v.answered && lost, doubt, v.relay)
	m.note(now, Fault{Kind: FaultNotHearing}, v.down.shut, v.down.since, v.relay)

	explained := m.isOn(FaultNoUDP) || m.isOn(FaultUDPStopped) || m.isOn(FaultNotHeard)
	m.note(now, Fault{Kind: FaultSendingStopped}, v.stopped != "" && (!explained || m.isOn(FaultSendingStopped)), sinceSeen, v.stopped)
}

// room judges who else is there.
func (m *monitor) room(now time.Duration, v *vitals) {
	silenced := now < v.silenced
	left := ""
	if silenced {
		left = (v.silenced - now).Round(time.Second).String()
	}
	m.note(now, Fault{Kind: FaultSilenced}, silenced, sinceSeen, left)
	m.note(now, Fault{Kind: FaultNoKeys}, v.keyless, v.begun, v.relay)
	m.note(now, Fault{Kind: FaultAlone}, v.peers == 0, v.listed, v.room)
	if v.peers == 0 {
		return // nobody is left who could listen
	}
	deaf := v.hearers == 0 && !silenced
	if v.reported < v.listed+settles {
		deaf = m.isOn(FaultNobodyListens) // as far as is known
	}
	m.note(now, Fault{Kind: FaultNobodyListens}, deaf, v.reported, "")
	m.note(now, Fault{Kind: FaultUnknown}, v.unknown, sinceSeen, "")
	m.note(now, Fault{Kind: FaultCrowded}, v.crowded && v.phrase, sinceSeen, strconv.Itoa(netproto.MaxKeyed))
}

// understood judges whether the others can open our voice. Those whom we cannot hear are told of anyway.
func (m *monitor) understood(now time.Duration, v *vitals) {
	known := 0
	for i := range v.dropped {
		if v.dropped[i].Foreign() {
			known++
		}
	}
	bad := min(v.unopened, v.peers) > known || v.unopened > 0 && v.peers > 0 && m.isOn(FaultNotUnderstood)
	if !bad {
		m.note(now, Fault{Kind: FaultNotUnderstood}, false, 0, "")
		return
	}
	who := fmt.Sprintf("%d of the others cannot", v.unopened)
	if v.unopened >= v.peers {
		who = "none of the others can"
	}
	m.note(now, Fault{Kind: FaultNotUnderstood}, true, sinceSeen, who)
}

// talkers judges those whose datagrams come and are dropped.
func (m *monitor) talkers(now time.Duration, v *vitals) {
	for i := range v.dropped {
		d := &v.dropped[i]
		if d.Count == 0 {
			continue
		}
		f := Fault{Kind: FaultGarbled, Session: d.Session, Name: d.name}
		bad, what := d.Steady(), ""
		switch {
		case d.Reason == stream.DropUnknown:
			f.Kind, what = FaultStranger, strconv.FormatUint(uint64(d.Session), 10)
			bad = bad && now-d.Last < stream.TalksOn
		case d.Foreign() && d.foreign:
			f.Kind, what = FaultPassphrase, "your passphrase is not the one used there"
			if !v.phrase {
				what = "a passphrase is used there, and none here"
			}
		case d.Reason == stream.DropForged || d.Reason == stream.DropEpoch:
			f.Kind = FaultRoomKey
			// By the next word the key may have come, and a newcomer waits for the first epoch that has it.
			bad = bad && now-d.Last < stream.TalksOn && now-v.begun > firstEpoch
		}
		m.note(now, f, bad, d.First, what)
	}
}

// sinceSeen stands for the time at which something was first seen to be bad.
const sinceSeen = -1

// note takes whether something is bad, and since when; what completes its sentence.
func (m *monitor) note(now time.Duration, f Fault, bad bool, since time.Duration, what string) {
	key := about{f.Kind, f.Session}
	s := m.states[key]
	if s == nil {
		if !bad {
			return
		}
		s = &state{FaultStats: FaultStats{Fault: f}}
		if m.states == nil {
			m.states = map[about]*state{}
		}
		m.states[key] = s
		m.order = append(m.order, s)
	}
	if bad && !s.bad {
		s.since = now
	}
	s.bad, s.seen = bad, true
	if since == sinceSeen {
		since = s.since
	}
	row := &faultTable[f.Kind]
	left := row.after - m.age(now, since)
	if s.On {
		left -= row.after / 2
	}
	if wrong := bad && left <= 0; wrong != s.wrong {
		s.wrong, s.changed = wrong, now
	}
	switch {
	case s.wrong && !s.On:
		s.Name, s.On, s.began = f.Name, true, now
		s.Count++
		s.Text = sentence(row.on, f.Name, what)
		m.changes = append(m.changes, s.Fault)
	case !s.wrong && s.On && now-s.changed >= row.clear:
		m.end(now, s, sentence(row.off, f.Name, what))
	case !s.wrong && s.On:
		m.next = min(m.next, s.changed+row.clear)
	case bad && !s.On:
		m.next = min(m.next, now+left)
	}
}

func sentence(text, name, what string) string {
	if name == "" {
		name = "somebody"
	}
	return strings.NewReplacer("{name}", name, "{what}", what).Replace(text)
}

func (m *monitor) end(now time.Duration, s *state, text string) {
	s.Total += now - s.began
	s.On, s.wrong, s.Text = false, false, text
	m.changes = append(m.changes, s.Fault)
}

func (m *monitor) isOn(kind FaultKind) bool {
	s := m.states[about{kind: kind}]
	return s != nil && s.On
}

// forget drops what never became a fault, and the oldest that are over where there are many.
func (m *monitor) forget() {
	surplus := len(m.order) - mostFaults
	m.order = slices.DeleteFunc(m.order, func(s *state) bool {
		drop := !s.On && !s.bad && s.Count == 0 || !s.On && !s.seen && surplus > 0
		if drop {
			surplus--
			delete(m.states, about{s.Kind, s.Session})
		}
		return drop
	})
}

// stats appends all faults that are or were.
func (m *monitor) stats(now time.Duration, dst []FaultStats) []FaultStats {
	for _, s := range m.order {
		if s.Count == 0 {
			continue
		}
		f := s.FaultStats
		if f.On {
			f.Total += now - s.began
		}
		dst = append(dst, f)
	}
	return dst
}
