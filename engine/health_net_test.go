package engine

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/internal/netsim"
	"github.com/tincan-voice/tincan/internal/repair"
	"github.com/tincan-voice/tincan/netproto"
)

// pathSim is one end's path to a relay in virtual time: probes and their answers, its voice and the reports on that,
// the voice of others.
type pathSim struct {
	up, down     netsim.Link
	talk, listen bool
	probes       probes
	monitor      monitor
	arrivals     []landing
	v            vitals
	every        time.Duration
	reported     time.Duration
	fed          bool
	spoke        time.Duration
	said, came   uint16 // our voice, and what the relay has of it
	went, heard  uint16 // others' voice
	probed       int    // probes sent
}

// landing is what happens at a time.
type landing struct {
	at   time.Duration
	here bool // at our end, not at the relay's
	do   func(now time.Duration)
}

// send sends a datagram up, or here.
func (s *pathSim) send(here bool, now time.Duration, size int, do func(now time.Duration)) {
	l := s.up
	if here {
		l = s.down
	}
	fate := l.Send(now, size)
	for _, at := range fate.At[:fate.Copies] {
		s.arrivals = append(s.arrivals, landing{at, here, do})
	}
}

// land does what has landed by now. While we stand still it waits in the socket, which has room for so many.
func (s *pathSim) land(now time.Duration, still bool) {
	const room = 270
	for i, waiting := 0, 0; i < len(s.arrivals); i++ { // do may add some
		a := s.arrivals[i]
		if a.at > now {
			continue
		}
		if still && a.here {
			if waiting++; waiting <= room {
				continue
			}
			a.do = func(time.Duration) {}
		}
		s.arrivals = append(s.arrivals[:i], s.arrivals[i+1:]...)
		i--
		if a.here {
			a.at = now
		}
		a.do(a.at)
	}
}

// others is a datagram of theirs.
func (s *pathSim) others(now time.Duration) {
	if s.listen {
		s.went++
		s.send(true, now, 120, func(now time.Duration) { s.heard, s.v.voice = s.heard+1, max(s.v.voice, now) })
	}
}

// step is a tenth of a second: a Call's tick, and a datagram each way, 12 kbit/s.
func (s *pathSim) step(now time.Duration) []Fault {
	s.land(now, false)
	s.others(now)
	if s.talk {
		s.said, s.spoke = s.said+1, now
		s.send(false, now, 120, s.voiced)
	}
	if now >= s.probes.due(max(s.spoke, s.v.voice), false) {
		s.probed++
		p := s.probes.next(now, s.said, false)
		s.send(false, now, 29, func(now time.Duration) {
			a := netproto.ProbeAck{Echo: p.Time, Came: s.came, Went: s.went}
			s.send(true, now, 29, func(now time.Duration) {
				if s.probes.ack(now, a, s.heard) {
					s.v.word = max(s.v.word, now)
				}
			})
		})
	}
	v, p := aCall(now), &s.probes
	v.answered, v.waiting, v.asked, v.doubt, v.up, v.down = p.answered, p.waiting, p.since, p.doubt(), p.up, p.down
	v.word, v.voice = s.v.word, s.v.voice
	return s.monitor.look2(now, &v)
}

// voiced is the relay taking a datagram of voice: it reports every 2 s, or every second where much is lost.
func (s *pathSim) voiced(now time.Duration) {
	s.came++
	if s.fed && now-s.reported < s.every {
		return
	}
	s.fed, s.reported = true, now
	s.send(true, now, 60, func(now time.Duration) { s.v.word = max(s.v.word, now) })
}

// On no network below an outage is there a fault, whoever talks; and when the network goes, it is said within 4 s,
// whether anybody talks or not, and when it comes back too.
func TestFaultsOnNetworks(t *testing.T) {
	for _, n := range netsim.Presets() {
		for seed := range uint64(4) {
			for talkers := range 4 {
				up, down, err := netsim.Preset(n.Name, seed)
				if err != nil {
					t.Fatal(err)
				}
				every := repair.ReportCalm
				if lossy(n.Name) {
					every = repair.ReportLossy
				}
				s := &pathSim{up: up, down: down, every: every, spoke: -time.Hour, talk: talkers&1 != 0, listen: talkers&2 != 0}
				where := fmt.Sprintf("%s, seed %d, we talk %v, others talk %v", n.Name, seed, s.talk, s.listen)
				now := time.Duration(0)
				for ; now < 100*time.Second; now += tickTime {
					for _, f := range s.step(now) {
						t.Errorf("%s: %v %s", where, now, f.Text)
					}
				}
				dead := now
				s.up, s.down = netsim.Loss(1, 1), netsim.Loss(1, 1)
				for s.arrivals = nil; now < dead+30*time.Second; now += tickTime {
					for _, f := range s.step(now) {
						if f.Kind != FaultUDPStopped || !f.On || now-dead > 4100*time.Millisecond {
							t.Errorf("%s: dead for %v: %+v", where, now-dead, f)
						}
					}
				}
				if !s.monitor.isOn(FaultUDPStopped) {
					t.Errorf("%s: nothing said", where)
				}
				heals, over := now, time.Duration(0)
				for s.up, s.down = up, down; now < heals+30*time.Second; now += tickTime {
					for _, f := range s.step(now) {
						if f.Kind != FaultUDPStopped || f.On || over > 0 {
							t.Errorf("%s: heals for %v: %+v", where, now-heals, f)
						}
						over = now - heals
					}
				}
				if over == 0 || over > 6500*time.Millisecond || over > 4*time.Second && !lossy(n.Name) && !slow(n.Name) {
					t.Errorf("%s: over after %v", where, over)
				}
			}
		}
	}
}

// After we stood still ourselves, whatever waited in the socket or found no room there, nothing is wrong.
func TestNoFaultsAfterStandingStillOnNetworks(t *testing.T) {
	for _, n := range netsim.Presets() {
		for seed := range uint64(4) {
			for talkers := range 4 {
				for _, long := range []time.Duration{1500 * time.Millisecond, 4 * time.Second, 10 * time.Second, 50 * time.Second} {
					up, down, err := netsim.Preset(n.Name, seed)
					if err != nil {
						t.Fatal(err)
					}
					s := &pathSim{up: up, down: down, every: repair.ReportCalm, talk: talkers&1 != 0, listen: talkers&2 != 0, spoke: -time.Hour}
					stops := 20*time.Second + time.Duration(seed)*300*time.Millisecond
					for now := time.Duration(0); now < stops+long+20*time.Second; now += tickTime {
						if now > stops && now < stops+long {
							s.land(now, true)
							s.others(now)
							continue
						}
						for _, f := range s.step(now) {
							t.Errorf("%s, seed %d, we talk %v, others talk %v, stopped for %v: %v later %s", n.Name, seed, s.talk, s.listen, long, now-stops-long, f.Text)
						}
					}
				}
			}
		}
	}
}

// lossy tells whether a network loses much.
func lossy(name string) bool {
	return strings.HasPrefix(name, "loss") || strings.HasPrefix(name, "burst")
}

// slow tells whether an answer may take 0.6 s or more.
func slow(name string) bool {
	return slices.Contains([]string{"edge", "satellite", "bufferbloat"}, name)
}

// small is a path that carries small datagrams only.
type small struct{ netsim.Link }

func (l small) Send(now time.Duration, size int) netsim.Fate {
	if size > 80 {
		return netsim.Fate{}
	}
	return l.Link.Send(now, size)
}

// On a path that carries probes but no voice that is said within 4 s of speech, and within 4 s again when it carries
// voice; a little later where much is lost, or takes long.
func TestFaultsWhereOnlySmallDatagramsPass(t *testing.T) {
	const from, silence = 20 * time.Second, 15 * time.Second
	tests := []struct {
		name       string
		up         bool          // which way
		begins, at time.Duration // somebody talks, large datagrams are dropped
		kind       FaultKind
	}{
		{"from the first word", true, from + silence, 0, FaultNotHeard},
		{"in the middle of a sentence", true, 0, from + 300*time.Millisecond, FaultNotHeard},
		{"from others' first word", false, from + silence + 700*time.Millisecond, 0, FaultNotHearing},
		{"in the middle of others' sentence", false, 0, from + 800*time.Millisecond, FaultNotHearing},
	}
	for _, tt := range tests {
		longest, over := map[string]time.Duration{}, map[string]time.Duration{}
		for _, n := range netsim.Presets() {
			for seed := range uint64(10) {
				up, down, err := netsim.Preset(n.Name, seed)
				if err != nil {
					t.Fatal(err)
				}
				s := &pathSim{up: up, down: down, every: repair.ReportCalm, spoke: -time.Hour}
				bad, began, ended := max(tt.begins, tt.at), time.Duration(0), time.Duration(0)
				heals := bad + 20*time.Second
				for now := time.Duration(0); now < heals+20*time.Second; now += tickTime {
					s.up, s.down = up, down
					if now >= tt.at && now < heals && tt.up {
						s.up = small{up}
					} else if now >= tt.at && now < heals {
						s.down = small{down}
					}
					s.talk, s.listen = tt.up && now >= tt.begins, !tt.up && now >= tt.begins
					for _, f := range s.step(now) {
						switch {
						case f.Kind != tt.kind || now < bad || !f.On && now < heals:
							t.Fatalf("%s, %s, seed %d: %v after %v", tt.name, n.Name, seed, f, now-bad)
						case f.On:
							began = now
						default:
							ended = now
						}
					}
				}
				if began == 0 || ended == 0 {
					t.Fatalf("%s, %s, seed %d: said at %v, over at %v", tt.name, n.Name, seed, began, ended)
				}
				longest[n.Name], over[n.Name] = max(longest[n.Name], began-bad), max(over[n.Name], ended-heals)
			}
		}
		for name, after := range longest {
			most := 4 * time.Second
			if lossy(name) || slow(name) {
				most = 5500 * time.Millisecond // an answer is lost, or takes 0.6 s
			}
			t.Logf("%s, %s: said after %v, over after %v", tt.name, name, after, over[name])
			if after > most || over[name] > most {
				t.Errorf("%s, %s: said after %v, over after %v", tt.name, name, after, over[name])
			}
		}
	}
}

// Where half of all is lost, by chance or in bursts, voice is not taken for shut out: an hour of speech each way.
func TestNoFaultsWhereHalfIsLost(t *testing.T) {
	for _, burst := range []float64{0, 2, 4, 10} {
		for seed := range uint64(5) {
			link := func(seed uint64) netsim.Link {
				if burst == 0 {
					return netsim.Loss(0.5, seed)
				}
				return netsim.Burst(netsim.Bursts(0.5, burst), seed)
			}
			s := &pathSim{up: link(2 * seed), down: link(2*seed + 1), every: repair.ReportLossy, talk: true, listen: true}
			for now := time.Duration(0); now < 12*time.Minute; now += tickTime {
				for _, f := range s.step(now) {
					if f.On && (f.Kind == FaultNotHearing || f.Kind == FaultNotHeard && s.probes.up.shut) {
						t.Errorf("bursts of %v, seed %d: at %v %v %+v %+v", burst, seed, now, f, s.probes.up, s.probes.down)
					}
				}
			}
		}
	}
}
