package swarm

import (
	"sync/atomic"
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

// leastNap is the shortest sleep of the pacer: what falls due closer
// together goes out together.
const leastNap = 200 * time.Microsecond

// pacer is the goroutine that sends every probe and every datagram of voice
// when it is due. Probes run on a wheel: event k of a wheel with n places is that
// of place k modulo n, at k/n of the wheel's period. Voice begins evenly spread over 20 ms; from then on each talker
// sends when the relay wishes (stream.Phase).
type pacer struct {
	// Static.
	clients []atomic.Pointer[client]
	probing probing
	writer  *writer
	alarm   *alarm
	start   time.Time

	talk atomic.Pointer[talk] // nil: silence
	stop atomic.Bool
}

// talk is a time of talking, and what the pacer counts of it.
type talk struct {
	turns turns // of the talkers

	start  time.Time    // of the pacer's clock
	until  atomic.Int64 // end of talking on that clock, ns; 0: not known yet
	silent chan struct{}

	captured captured

	// The pacer's own until silent is closed.
	late histogram // how late datagrams were sent
}

// wheel is a periodic schedule.
type wheel struct {
	start  time.Duration // on the pacer's clock
	period time.Duration
	places int
	k      int // next event
}

// due is the time of the next event.
func (w *wheel) due() time.Duration {
	round, place := w.k/w.places, w.k%w.places
	return w.start + time.Duration(round)*w.period + time.Duration(place)*w.period/time.Duration(w.places)
}

// take returns the place of the next event, and moves on.
func (w *wheel) take() int {
	place := w.k % w.places
	w.k++
	return place
}

// turn is when a talker's next datagram is due on the pacer's clock.
type turn struct {
	due    time.Duration
	client *client
}

// turns is a heap, the earliest first.
type turns []turn

// next has the first one again after a time.
func (t turns) next(after time.Duration) {
	t[0].due += after
	for i := 0; ; {
		least := i
		for _, j := range [...]int{2*i + 1, 2*i + 2} {
			if j < len(t) && t[j].due < t[least].due {
				least = j
			}
		}
		if least == i {
			return
		}
		t[i], t[least] = t[least], t[i]
		i = least
	}
}

func newPacer(cfg Config, clients []atomic.Pointer[client]) (*pacer, error) {
	alarm, err := newAlarm()
	return &pacer{
		clients: clients, probing: newProbing(cfg.Probe, len(clients)),
		writer: newWriter(cfg.Size), alarm: alarm, start: time.Now(),
	}, err
}

// begin lets the clients talk.
func (p *pacer) begin(clients []*client) *talk {
	t := &talk{start: p.start, silent: make(chan struct{})}
	begin := time.Since(p.start)
	for i, c := range clients {
		t.turns = append(t.turns, turn{begin + time.Duration(i)*netproto.FrameDuration/time.Duration(len(clients)), c})
	}
	if len(clients) == 0 {
		close(t.silent)
		return t
	}
	p.talk.Store(t)
	return t
}

// end makes them stop now. What was due until now is sent first, however late:
// so many datagrams as the time takes. Then the counts are the caller's.
func (t *talk) end() {
	t.until.Store(int64(time.Since(t.start)))
	<-t.silent
}

// run is the goroutine; it ends soon after stop is set.
func (p *pacer) run() {
	defer p.alarm.close()
	var probes prober
	for !p.stop.Load() {
		now := time.Since(p.start)
		t := p.talk.Load()
		p.probing.pace(now, t != nil)
		for p.probing.due() <= now {
			if c := p.clients[p.probing.take()].Load(); c != nil {
				_ = c.probe(&probes, now) // the next one is not far
			}
		}
		for p.probing.hurry.due() <= now {
			if c := p.clients[p.probing.hurry.take()].Load(); c != nil && !c.path.Load() {
				_ = c.probe(&probes, now)
			}
		}
		next := p.probing.due()
		if t != nil {
			if p.speak(t) {
				p.talk.Store(nil)
				close(t.silent)
			} else {
				next = min(next, t.turns[0].due)
			}
		}
		// A pause of more than a frame would keep begin and stop waiting.
		next = min(next, now+netproto.FrameDuration)
		p.alarm.sleep(max(next-time.Since(p.start), leastNap))
	}
	if t := p.talk.Swap(nil); t != nil {
		close(t.silent)
	}
}

// speak sends what is due, and reports whether the talk is over.
func (p *pacer) speak(t *talk) (over bool) {
	for {
		due, until := t.turns[0].due, time.Duration(t.until.Load())
		if until != 0 && due > until {
			return true
		}
		at := time.Now()
		late := at.Sub(p.start) - due
		if late < 0 {
			return false
		}
		c := t.turns[0].client
		t.turns.next(netproto.FrameDuration + c.shift())
		d := p.writer.write(c.talker, at)
		if c.send(d) != nil {
			c.talker.unsent++
		}
		t.captured.offer(c.talker.seq, d)
		t.late.add(late)
	}
}
