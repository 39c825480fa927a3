package engine

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/rooms"
)

// stormTrouble is a way in which a network goes wrong for an end, for a time of its own.
type stormTrouble struct {
	name  string
	often int
	most  time.Duration // 0: it is over at once
	begin func(s *storm, e *stormEnd)
	end   func(s *storm, e *stormEnd)
}

// relayGone is the trouble of the relay, of which there is one.
var relayGone = stormTrouble{"the relay is restarted", 1, 20 * time.Second,
	func(s *storm, _ *stormEnd) { s.stopRelay() }, func(s *storm, _ *stormEnd) { s.startRelay() }}

var stormTroubles = []stormTrouble{
	{"nothing gets through", 6, 45 * time.Second,
		func(_ *storm, e *stormEnd) { e.net.up, e.net.down, e.net.tcp = false, false, false }, whole},
	{"for very long", 1, 100 * time.Second,
		func(_ *storm, e *stormEnd) { e.net.up, e.net.down, e.net.tcp = false, false, false }, whole},
	{"no datagram gets up", 1, 20 * time.Second, func(_ *storm, e *stormEnd) { e.net.up = false }, whole},
	{"none gets down", 1, 20 * time.Second, func(_ *storm, e *stormEnd) { e.net.down = false }, whole},
	{"none at all", 1, 20 * time.Second, func(_ *storm, e *stormEnd) { e.net.up, e.net.down = false, false }, whole},
	{"TCP stands still", 1, 30 * time.Second, func(_ *storm, e *stormEnd) { e.net.tcp = false }, whole},
	{"much is lost", 2, 20 * time.Second, func(s *storm, e *stormEnd) { e.net.loss = 0.1 + 0.2*s.rng.Float64() }, whole},
	{"another address", 3, 0, func(_ *storm, e *stormEnd) { e.newAddress() }, nil},
	{"no address, then another", 2, 30 * time.Second,
		func(_ *storm, e *stormEnd) { e.loseAddress() }, func(_ *storm, e *stormEnd) { e.newAddress() }},
	{"a NAT takes another port", 2, 0, func(s *storm, e *stormEnd) {
		if e.socket.outer.IsValid() {
			e.socket.outer = netip.AddrPortFrom(e.net.local, s.newPort())
		}
	}, nil},
	{"a NAT forgets the socket", 2, 0, func(_ *storm, e *stormEnd) { e.socket.outer = netip.AddrPort{} }, nil},
	{"a NAT forgets the connection", 1, 0, func(s *storm, e *stormEnd) {
		for _, c := range e.conns {
			c.lost = min(c.lost, s.now)
		}
	}, nil},
}

func whole(_ *storm, e *stormEnd) {
	e.net.up, e.net.down, e.net.tcp, e.net.loss = true, true, true, 0
}

// between draws a time; short ones come as often as long ones.
func between(rng *rand.Rand, least, most time.Duration) time.Duration {
	d := least
	for d < most && rng.IntN(4) > 0 {
		d = d * 8 / 5
	}
	return min(d, most) - min(d, most)%stormStep
}

// life is what happens to an end, or with nil to the relay.
type life struct {
	e     *stormEnd
	all   []stormTrouble
	now   *stormTrouble // while it lasts
	next  time.Duration // when it begins or ends
	calm  time.Duration // since when there is none
	last  string        // name of the last one
	count int
}

// live lets begin or end what is due; no trouble begins after busy.
func (l *life) live(s *storm, busy time.Duration) {
	if s.now < l.next {
		return
	}
	switch {
	case l.now != nil:
		l.now.end(s, l.e)
		l.now, l.calm = nil, s.now
	case s.now < busy:
		t := pick(s.rng, l.all)
		l.last = t.name
		l.count++
		t.begin(s, l.e)
		if t.most > 0 {
			l.now, l.next = &t, s.now+between(s.rng, 100*time.Millisecond, t.most)
			return
		}
		l.calm = s.now
	}
	l.next = s.now + between(s.rng, 200*time.Millisecond, 20*time.Second)
	if l.e == nil {
		l.next += between(s.rng, 5*time.Second, 40*time.Second)
	}
}

func pick(rng *rand.Rand, all []stormTrouble) stormTrouble {
	sum := 0
	for _, t := range all {
		sum += t.often
	}
	left := rng.IntN(sum)
	for _, t := range all {
		if left -= t.often; left < 0 {
			return t
		}
	}
	panic("unreachable")
}

// since is when all that is to be heard could be: nothing is wrong with any of them.
func calmSince(now time.Duration, lives ...*life) (since time.Duration, last string) {
	for _, l := range lives {
		if l.now != nil {
			return now, l.last
		}
		if l.calm >= since {
			since, last = l.calm, l.last
		}
	}
	return since, last
}

// stormPair is how one end hears another.
type stormPair struct {
	heard time.Duration // so much
	at    time.Duration // last
}

// recoveries are how long it took until somebody was heard again after nothing was wrong any more, at most, by what
// was wrong last.
type recoveries map[string]time.Duration

const (
	// stormBusy is how long things go wrong.
	stormBusy = 90 * time.Second
	// stormBack is how long after it all are heard again at most: an attempt that waits for what was lost takes tryTime,
	// the next one begins within retryMost; and some round trips.
	stormBack = tryTime + retryMost + 2*time.Second
	// stormWord is how much of somebody's speech may be missing besides.
	stormWord = time.Second
)

// run lets one storm pass and wants all that is promised.
func (s *storm) run(longest recoveries) {
	relay := &life{all: []stormTrouble{relayGone}, next: s.now + between(s.rng, 5*time.Second, 40*time.Second)}
	lives := []*life{}
	for _, e := range s.ends {
		lives = append(lives, &life{e: e, all: stormTroubles, next: s.now + between(s.rng, stormStep, 10*time.Second)})
	}
	talk := [2]time.Duration{s.now, s.now} // when each of two begins or ends to talk
	spell := [2]time.Duration{}            // when it began
	pairs := [3][2]stormPair{}
	busy := s.now + stormBusy
	over := stormNever
	for s.now < over {
		s.step()
		relay.live(s, busy)
		settled := relay.now == nil
		for _, l := range lives {
			l.live(s, busy)
			settled = settled && l.now == nil
		}
		if settled && s.now >= busy && over == stormNever {
			over = s.now + stormBack + stormWord + 2*time.Second
		}
		for i := range talk {
			if e := s.ends[i]; s.now >= talk[i] || over != stormNever && !e.talks {
				e.talks = !e.talks
				spell[i], talk[i] = s.now, s.now+between(s.rng, time.Second, 12*time.Second)
				if over != stormNever {
					talk[i] = stormNever
				}
			}
		}
		if s.now%tickEvery != 0 {
			continue
		}
		for i, e := range s.ends {
			if e.ended != nil {
				s.t.Fatalf("seed %d: after %v the call of %s has ended: %v", s.seed, s.now, e.name, e.ended)
			}
			for j, t := range s.ends[:2] {
				if t != e {
					s.look(&pairs[i][j], e, t, spell[j], longest, lives[i], lives[j], relay)
				}
			}
		}
	}
	s.check()
}

// look looks how e hears t, who talks since then, if at all.
func (s *storm) look(p *stormPair, e, t *stormEnd, spell time.Duration, longest recoveries, lives ...*life) {
	calm, last := calmSince(s.now, lives...)
	from := max(calm, spell, p.at)
	h := e.heard(t)
	if h > p.heard {
		if calm > p.at {
			longest[last] = max(longest[last], s.now-max(calm, spell))
		}
		p.at = s.now
	}
	p.heard = h
	if missing := s.now - from; t.talks && missing > stormBack+stormWord && h <= p.heard && p.at != s.now {
		s.t.Fatalf("seed %d: after %v %s has not heard %s for %v, %v after all was well (%s)", s.seed, s.now, e.name, t.name, missing, s.now-calm, last)
	}
}

// check wants everyone in the call, and nothing left of what was.
func (s *storm) check() {
	s.t.Helper()
	for _, e := range s.ends {
		if away := s.now - e.comeback.since; e.comeback.away && away > stormBack || !e.probes.alive(s.now) {
			s.t.Fatalf("seed %d: %s is not connected: %+v", s.seed, e.name, e.comeback)
		}
		if n := len(e.roster.names); n != 2 || len(e.listener.peers) != 2 || len(e.listener.order) != 2 || len(e.roster.doubtful) > 0 {
			s.t.Errorf("seed %d: %s knows %v and %d peers", s.seed, e.name, e.roster, len(e.listener.peers))
		}
	}
	sessions := s.relay.core.Sessions()
	if len(sessions) != 3 || slices.ContainsFunc(sessions, func(i rooms.SessionInfo) bool { return !i.Listening }) {
		s.t.Errorf("seed %d: the relay has %+v", s.seed, sessions)
	}
}

// TestStorms runs many; STORMS says how many, and STORM_SEED from which seed on.
func TestStorms(t *testing.T) {
	count, first := uint64(200), uint64(0)
	if testing.Short() {
		count = 12
	}
	for name, to := range map[string]*uint64{"STORMS": &count, "STORM_SEED": &first} {
		if text := os.Getenv(name); text != "" {
			n, err := strconv.ParseUint(text, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			*to = n
		}
	}
	var mu sync.Mutex
	all := recoveries{}
	t.Run("seeds", func(t *testing.T) {
		const groups = 8
		for g := range uint64(groups) {
			t.Run(fmt.Sprint(g), func(t *testing.T) {
				t.Parallel()
				for seed := first + g; seed < first+count; seed += groups {
					longest := recoveries{}
					newStorm(t, seed).run(longest)
					mu.Lock()
					for name, d := range longest {
						all[name] = max(all[name], d)
					}
					mu.Unlock()
				}
			})
		}
	})
	for name, d := range all {
		t.Logf("%-30s heard again within %v", name, d)
	}
}
