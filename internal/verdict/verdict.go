// Package verdict says of a call who lost what, when and where: on somebody's way to the relay, on our way from it or
// to it, at our sound device, or because this machine was too busy. It is sans-IO: a Judge is shown the figures of the
// call every second or so, and is asked at any time.
//
//	counts of each second ──> share lost on a way in the last 10 s ──> an Episode begins, goes on, ends after 10 s of calm
package verdict

import (
	"cmp"
	"slices"
	"time"

	"github.com/tincan-voice/tincan/engine"
	"github.com/tincan-voice/tincan/stream"
)

// Place is where something went wrong.
type Place uint8

// The places.
const (
	Up      Place = iota // a talker's way to the relay, which loses datagrams, or puts them in another order
	Down                 // our way from the relay
	OwnUp                // our way to the relay
	Output               // our loudspeaker, or what is behind it
	Dry                  // our loudspeaker was not given its sound in time
	Spilt                // our microphone's sound was not taken in time
	Machine              // this machine, which had no time for the call
)

const (
	// span is over how many looks a way is judged: long enough to have speech in it, short enough to tell when it was.
	span = 10
	// losing is the share of the datagrams from which on a way is said to lose, and mending that below which it is not
	// any more. Mobile networks and satellites that work lose 0.2 to 0.5 %; with 2 and 1 %, and 3 in 5 s, a third of
	// the calls over these was said to lose (docs/client.md).
	losing, mending = 0.025, 0.01
	// leastLost is how many of the span's must be lost. Where a talker changes how many frames share a datagram, up to
	// 3 count as lost that were not.
	leastLost = 8
	// noticed is how much sound a device must have lost in the span until that is told, and aftermath for how long after
	// a standstill of the machine what it loses is laid to that.
	noticed, aftermath = 100 * time.Millisecond, 2 * time.Second
	// calm is how long a way must not have lost until it is over.
	calm = 10 * time.Second
)

// Episode is a time in which something was lost at one place.
type Episode struct {
	Place    Place
	Session  uint32 // of the talker, for Up
	Name     string
	From, To time.Duration // of the call
	// Lost is the share of the datagrams that was lost, and Left that of the speech which had to be made up all the
	// same: 0 to 1. Where the place is OwnUp nobody tells us the latter: -1.
	Lost, Left float64
	// Count is how often the output or the machine stood still, or a device lost sound, and Longest how long at most.
	Count   int
	Longest time.Duration
}

// Judge judges a call. The zero value is ready.
type Judge struct {
	ways  map[key]*way
	heard map[uint32]heard
	own   struct{ came, lost int } // of our datagrams on our way up

	machine, output int           // how often they had stood still
	stood           time.Duration // when the machine was seen to have done so last
	dry, spilt      past
}

// past is what a device had lost at the last looks.
type past struct {
	all   [span]engine.Pauses
	looks int
}

// since takes what it has lost in all, and returns what it lost since the last look and in the span.
func (p *past) since(now engine.Pauses) (last, whole engine.Pauses) {
	less := func(was engine.Pauses) engine.Pauses {
		return engine.Pauses{Count: now.Count - was.Count, Total: now.Total - was.Total, Longest: now.Longest}
	}
	last, whole = less(p.all[(p.looks+span-1)%span]), less(p.all[p.looks%span])
	p.all[p.looks%span] = now
	p.looks++
	return last, whole
}

type key struct {
	place   Place
	session uint32
}

// heard is what has been counted of a talker.
type heard struct {
	ways              stream.Ways
	frames, concealed uint64
}

// count is what became of something since the last look.
type count struct {
	came, lost        int64 // datagrams; below 0 where what was lost has come after all
	frames, concealed int64
}

func (c *count) add(o count) {
	c.came, c.lost, c.frames, c.concealed = c.came+o.came, c.lost+o.lost, c.frames+o.frames, c.concealed+o.concealed
}

func (c *count) share() float64 { return float64(max(c.lost, 0)) / float64(max(c.came+c.lost, 1)) }

// way is one place, for one talker.
type way struct {
	past     [span]count
	at       [span]time.Duration
	looks    int
	open     bool
	last     time.Duration // when it lost last
	episode  Episode
	sum      count // of the episode, up to its last loss
	tail     count // since then
	finished []Episode
}

// Look takes the figures of a call at now, since it began.
func (j *Judge) Look(now time.Duration, s *engine.Stats) {
	if j.ways == nil {
		j.ways, j.heard = map[key]*way{}, map[uint32]heard{}
	}
	var down count
	for i := range s.Peers {
		p := &s.Peers[i]
		is, was := heard{p.Ways, p.Frames, p.Concealed}, j.heard[p.Session]
		if is.frames < was.frames || is.ways.Came < was.ways.Came {
			was = heard{} // it has begun anew
		}
		j.heard[p.Session] = is
		made := count{frames: int64(is.frames - was.frames), concealed: int64(is.concealed - was.concealed)}
		came, lostUp, lostDown := int64(is.ways.Came-was.ways.Came), int64(is.ways.LostUp-was.ways.LostUp), int64(is.ways.LostDown-was.ways.LostDown)
		up := made
		up.came, up.lost = came+lostDown, lostUp
		j.way(Up, p.Session, p.Name).look(now, up)
		made.came, made.lost = came, lostDown
		down.add(made)
	}
	j.way(Down, 0, "").look(now, down)
	own := s.Sending.Up
	if own.Received < j.own.came {
		j.own.came, j.own.lost = 0, 0 // another session
	}
	j.way(OwnUp, 0, "").look(now, count{came: int64(own.Received - j.own.came), lost: int64(own.Lost - j.own.lost)})
	j.own.came, j.own.lost = own.Received, own.Lost
	j.pauses(now, s)
}

// pauses takes how often output and machine stood still, and what devices lost. What the machine did shows in the
// others as well.
func (j *Judge) pauses(now time.Duration, s *engine.Stats) {
	machine, output := s.Machine.Count-j.machine, s.Output.Count-j.output
	j.machine, j.output = s.Machine.Count, s.Output.Count
	if machine > 0 {
		j.stood = now
		j.way(Machine, 0, "").stood(now, machine, s.Machine.Longest)
	}
	laid := j.stood > 0 && now-j.stood <= aftermath
	if output > 0 && !laid {
		j.way(Output, 0, "").stood(now, output, s.Output.Longest)
	}
	j.missed(now, Dry, &j.dry, s.Dry, laid || output > 0)
	j.missed(now, Spilt, &j.spilt, s.Spilt, laid)
}

// missed takes what a device has lost in all, which another reason may explain.
func (j *Judge) missed(now time.Duration, place Place, p *past, all engine.Pauses, explained bool) {
	last, whole := p.since(all)
	w := j.way(place, 0, "")
	switch {
	case explained || last.Total == 0:
	case w.open:
		w.stood(now, last.Count, all.Longest)
	case whole.Total >= noticed:
		w.stood(now, whole.Count, all.Longest)
	}
}

func (j *Judge) way(place Place, session uint32, name string) *way {
	w := j.ways[key{place, session}]
	if w == nil {
		w = &way{}
		j.ways[key{place, session}] = w
	}
	w.episode.Place, w.episode.Session, w.episode.Name = place, session, name
	return w
}

// look takes what became of the datagrams since the last look.
func (w *way) look(now time.Duration, c count) {
	w.past[w.looks%span], w.at[w.looks%span] = c, now
	w.looks++
	var recent count
	for _, p := range w.past {
		recent.add(p)
	}
	bad := recent.lost >= leastLost && recent.share() >= losing
	w.tail.add(c)
	switch {
	case bad && !w.open:
		w.begin()
		fallthrough
	case w.open && c.lost > 0 && recent.share() >= mending:
		w.last, w.episode.To = now, now
		w.sum.add(w.tail)
		w.tail = count{}
		w.describe()
	case w.open && now-w.last >= calm:
		w.close()
	}
}

// begin begins an episode with the first loss in the span.
func (w *way) begin() {
	w.open = true
	for i := range span {
		c := &w.past[(w.looks+i)%span]
		if w.sum.lost == 0 && c.lost > 0 {
			w.episode.From = w.at[(w.looks+i)%span]
		}
		if w.sum.lost > 0 || c.lost > 0 {
			w.sum.add(*c)
		}
	}
	w.tail = count{}
}

// describe says what has been lost in the episode so far.
func (w *way) describe() {
	w.episode.Lost = w.sum.share()
	w.episode.Left = -1
	if w.sum.frames > 0 {
		w.episode.Left = float64(w.sum.concealed) / float64(w.sum.frames)
	}
}

// stood takes that something stood still.
func (w *way) stood(now time.Duration, times int, longest time.Duration) {
	if w.episode.Count == 0 {
		w.open, w.episode.From = true, now
	}
	w.episode.To, w.episode.Count, w.episode.Longest = now, w.episode.Count+times, longest
}

func (w *way) close() {
	w.finished = append(w.finished, w.episode)
	w.open, w.sum, w.tail, w.episode = false, count{}, count{}, Episode{}
}

// Episodes are all there were, in the order in which they began.
func (j *Judge) Episodes() []Episode {
	var all []Episode
	for _, w := range j.ways {
		all = append(all, w.finished...)
		if w.open {
			all = append(all, w.episode)
		}
	}
	slices.SortFunc(all, func(a, b Episode) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.Place, b.Place), cmp.Compare(a.Session, b.Session))
	})
	return all
}
