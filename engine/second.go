package engine

import "time"

const (
	// thinQueue is how much longer than at its best a round trip must be until a path counts as too thin for voice that
	// goes by another one as well, and thinOver until it does no more.
	thinQueue = 150 * time.Millisecond
	thinOver  = 50 * time.Millisecond
	// nearerBy is how much shorter a round trip must be for a path to be the better one: what is less changes all the time.
	nearerBy = 5 * time.Millisecond
)

// pair decides which of two paths by UDP carry voice: both do. What is lost on one is there by the other, and when
// one dies nothing is missing: a switch, however quick, would cost a second. Only where the cap has no room for it, or a
// path is too thin to carry all of it, voice goes by the better one alone. It is sans-IO.
type pair struct {
	thin  [2]bool
	leads bool // the second path is the first one
	again bool // and that from now on: it is to have another socket

	// what tendAlso keeps; sockets come and go
	roaming roaming
	name    string        // of the path in use, as was said; guarded by Call.probing
	reason  string        // why there is none
	opened  time.Duration // after there was none
	apart   time.Duration // when both led different ways last
}

// ways are the paths that the session is to have at the relay, and those by which voice goes.
type ways struct {
	first, second PathKind // noPath: there is none
	voice, twin   PathKind // in any case; and again, if the cap has room
	sure          PathKind // the one that counts for what is known of the way to the relay
}

// told is the path that people are told of.
func (w *ways) told() PathKind {
	if w.voice == PathTunnel {
		return PathTunnel
	}
	return w.first
}

// look takes the signs of both. Neither counts as dead before pathDead is over: until then it may as well carry voice. But
// where the relay sends voice by the first one only, for a cap, the session is to move to the other when voice would take
// the tunnel if that were not there: from another socket, as only on a new path the relay asks whether it is to.
func (s *pair) look(main, also *pathState, capped bool) ways {
	for i, p := range []*pathState{main, also} {
		queue := p.rtt - p.least
		s.thin[i] = queue >= thinQueue || s.thin[i] && queue >= thinOver
	}
	w := ways{first: PathUDP, second: PathAlso, voice: PathUDP, twin: PathAlso}
	nearer := s.thin[0] && !s.thin[1] || s.thin[0] == s.thin[1] && also.rtt+nearerBy <= main.rtt
	switch {
	case !also.open:
		w.second, w.twin = noPath, noPath
	case also.dead():
		w.twin = noPath
	case main.dead():
		w = ways{first: PathAlso, second: PathUDP, voice: PathAlso, twin: noPath, sure: PathAlso}
	case betterOf(main, also) == also:
		w.voice, w.twin, w.sure = PathAlso, PathUDP, PathAlso
		if capped && (main.shut() || main.silent >= deadAfter+main.rtt) {
			w.first, w.second = PathAlso, PathUDP
		}
	case nearer && also.silent < suspectAfter:
		w.voice, w.twin = PathAlso, PathUDP
	}
	if s.thin[0] || s.thin[1] {
		w.twin = noPath
	}
	s.again = capped && w.first == PathAlso && !s.leads
	s.leads = w.first == PathAlso
	return w
}

// betterOf is the first of two paths by UDP, unless only the other one works.
func betterOf(main, also *pathState) *pathState {
	if also.open && also.answered && (!main.answered || main.shut() && !also.shut() || main.shut() == also.shut() && main.silent-also.silent >= suspectAfter) {
		return also
	}
	return main
}

// dead tells whether a path counts as lost.
func (p *pathState) dead() bool { return !p.open || !p.answered || p.silent >= pathDead }
