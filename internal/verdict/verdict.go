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
	Up      Place = iota // a talker's way to the relay
	Down                 // our way from the relay
	OwnUp                // our way to the relay
	Output               // our loudspeaker, or what is behind it
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
	// Count is how often the output or the machine stood still, and Longest how long at most.
	Count   int
	Longest time.Duration
}

// Judge judges a call. The zero value is ready.
type Judge struct {
	ways   map[key]*way
	heard  map[uint32]heard
	voice  uint64 // datagrams sent
	paused [2]engine.Pauses
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
	came, lost        uint64 // datagrams
	frames, concealed uint64
}

func (c *count) add(o count) {
	c.came, c.lost, c.frames, c.concealed = c.came+o.came, c.lost+o.lost, c.frames+o.frames, c.concealed+o.concealed
}

func (c *count) share() float64 { return float64(c.lost) / float64(max(c.came+c.lost, 1)) }

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
		d := is.ways.Since(was.ways)
		made := count{frames: is.frames - was.frames, concealed: is.concealed - was.concealed}
		up := made
		up.came, up.lost = d.Came+d.LostDown, d.LostUp
		j.way(Up, p.Session, p.Name).look(now, up)
		made.came, made.lost = d.Came, d.LostDown
		down.add(made)
	}
	j.way(Down, 0, "").look(now, down)
	sent := s.Sending.Voice - min(j.voice, s.Sending.Voice)
	j.voice = s.Sending.Voice
	lost := uint64(float64(sent)*s.Sending.Adapt.Up + 0.5)
	j.way(OwnUp, 0, "").look(now, count{came: sent - min(lost, sent), lost: lost})
	j.pauses(now, s)
}

// pauses takes how often output and machine stood still. What the machine did the output shows as well.
func (j *Judge) pauses(now time.Duration, s *engine.Stats) {
	machine, output := s.Machine.Count-j.paused[0].Count, s.Output.Count-j.paused[1].Count
	j.paused = [2]engine.Pauses{s.Machine, s.Output}
	if machine > 0 {
		j.way(Machine, 0, "").stood(now, machine, s.Machine.Longest)
	} else if output > 0 {
		j.way(Output, 0, "").stood(now, output, s.Output.Longest)
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
