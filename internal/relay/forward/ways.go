package forward

import "time"

// pathSilence is how long nothing new and valid must have come from one of a session's two paths until nothing is sent
// there: two probes of a client in a silent room, and four where somebody talks. The other path carries all meanwhile.
const pathSilence = 4 * time.Second

// way is a proven path of a session, and when the last valid datagram came from there that had not come by another.
type way struct {
	Path
	heard atomicTime
}

// ways are the paths of a session. What is in it never changes, but for when they were heard.
type ways struct {
	all []*way // one or two, the first one first
	use []*way // of these, those that are sent to: one or two, the better one first
}

// find returns the one of them that this is, or nil.
func find(ways []*way, p *Path) *way {
	for _, w := range ways {
		if w.Path == *p {
			return w
		}
	}
	return nil
}

// newWays decides which of the paths are used. woke is since when they can have been heard.
func newWays(now, woke time.Duration, all []*way) *ways {
	w := &ways{all: all, use: all}
	if len(all) < 2 {
		return w
	}
	switch a, b := all[0].silent(now, woke), all[1].silent(now, woke); {
	case a && (!b || all[1].heard.load() > all[0].heard.load()):
		w.use = all[1:]
	case a || b:
		w.use = all[:1]
	}
	return w
}

func (w *way) silent(now, woke time.Duration) bool {
	return now-max(w.heard.load(), woke) > pathSilence
}

// Settle makes a proven path the session's own, and has it sent there: as its only path, or beside the first one, which
// it takes the place of where that is silent. woke is when the program went on after it had stood still, or 0.
func (s *Session) Settle(now, woke time.Duration, p Path, also bool) {
	w := &way{Path: p}
	w.heard.store(now)
	all := []*way{w}
	if old := s.ways.Load(); also && old != nil {
		known := find(old.all, &p)
		switch {
		case known != nil:
			known.heard.store(now)
			all = old.all
		case len(old.all) == 2 && old.all[0].silent(now, woke):
			all = []*way{old.all[1], w}
		default:
			all = []*way{old.all[0], w}
		}
	}
	s.setWays(newWays(now, woke, all))
}

// Review looks which of the session's paths are silent, and reports whether others are used from now on.
func (s *Session) Review(now, woke time.Duration) (changed bool) {
	old := s.ways.Load()
	if old == nil || len(old.all) < 2 || !s.Live() {
		return false
	}
	w := newWays(now, woke, old.all)
	if len(w.use) == len(old.use) && w.use[0] == old.use[0] {
		return false
	}
	s.setWays(w)
	return true
}

// setWays is the keeper's, and so one at a time.
func (s *Session) setWays(w *ways) {
	old := s.ways.Swap(w)
	tunnelled := true
	for _, u := range w.use {
		tunnelled = tunnelled && u.Tunnel != nil && u.Tunnel.Reliable()
	}
	s.Tunnelled.Store(tunnelled)
	s.Overhead.Store(int32(w.use[0].overhead()))
	for _, n := range w.all {
		if n.Tunnel != nil && (old == nil || find(old.all, &n.Path) == nil) {
			n.Tunnel.Hold()
		}
	}
	if old == nil {
		return
	}
	for _, o := range old.all {
		if o.Tunnel != nil && find(w.all, &o.Path) == nil {
			o.Tunnel.Release(false)
		}
	}
}

// Unsettle has nothing more sent to the session, and reports whether anything was.
func (s *Session) Unsettle() bool { return s.Overhead.Swap(0) > 0 }

// end lets the session's tunnels go.
func (s *Session) end() {
	if w := s.ways.Load(); w != nil {
		for _, one := range w.all {
			if one.Tunnel != nil {
				one.Tunnel.Release(true)
			}
		}
	}
}

// Path is the session's proven path, the better one of two; ok is false if there is none yet.
func (s *Session) Path() (p Path, ok bool) {
	if w := s.ways.Load(); w != nil {
		return w.use[0].Path, true
	}
	return p, false
}

// Owns tells whether the path is one of the session's, sent to or silent.
func (s *Session) Owns(p Path) bool {
	w := s.ways.Load()
	return w != nil && find(w.all, &p) != nil
}

// at returns which of the paths that the session is sent to this is, or nil.
func (s *Session) at(from *Path) *way {
	if w := s.ways.Load(); w != nil && s.Live() {
		return find(w.use, from)
	}
	return nil
}

// twin tells whether a datagram from there that has come before did so by the other path, as far as can be told.
func (s *Session) twin(from *Path) bool {
	w := s.ways.Load()
	return w != nil && len(w.all) == 2 && find(w.all, from) != nil
}

// sendTo sends a datagram to a session on the paths that it uses; with a cap, on the better one.
func (w *Worker) sendTo(s *Session, d []byte) (sent bool) {
	use := s.ways.Load().use
	if s.Apart.Load() {
		use = use[:1]
	}
	for _, u := range use {
		if w.out.Send(u.Path, d) {
			sent = true
		}
	}
	return sent
}
