package engine

import (
	"fmt"
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
}

// landing is what happens at a time.
type landing struct {
	at time.Duration
	do func(now time.Duration)
}

func (s *pathSim) send(l netsim.Link, now time.Duration, size int, do func(now time.Duration)) {
	fate := l.Send(now, size)
	for _, at := range fate.At[:fate.Copies] {
		s.arrivals = append(s.arrivals, landing{at, do})
	}
}

// step is a tenth of a second: a Call's tick, and a datagram each way, 12 kbit/s.
func (s *pathSim) step(now time.Duration) []Fault {
	for i := 0; i < len(s.arrivals); i++ { // do may add some
		if a := s.arrivals[i]; a.at <= now {
			s.arrivals = append(s.arrivals[:i], s.arrivals[i+1:]...)
			i--
			a.do(a.at)
		}
	}
	if s.listen {
		s.send(s.down, now, 120, func(now time.Duration) { s.v.voice = max(s.v.voice, now) })
	}
	if s.talk {
		if now%time.Second == 0 {
			s.v.unheard++
		}
		s.send(s.up, now, 120, s.voiced)
	}
	busy := -time.Hour
	if s.talk {
		busy = now
	}
	if now >= s.probes.due(max(busy, s.v.voice), false) {
		p := s.probes.next(now)
		s.send(s.up, now, 37, func(now time.Duration) {
			s.send(s.down, now, 37, func(now time.Duration) {
				if s.probes.ack(now, netproto.ProbeAck{Echo: p.Time}) {
					s.v.word = max(s.v.word, now)
				}
			})
		})
	}
	v := aCall(now)
	v.answered, v.waiting, v.asked = s.probes.answered, s.probes.waiting, s.probes.since
	v.word, v.voice, v.unheard = s.v.word, s.v.voice, s.v.unheard
	return s.monitor.look2(now, &v)
}

// voiced is the relay taking a datagram of voice: it reports every 2 s, or every second where much is lost.
func (s *pathSim) voiced(now time.Duration) {
	if s.fed && now-s.reported < s.every {
		return
	}
	s.fed, s.reported = true, now
	s.send(s.down, now, 60, func(now time.Duration) {
		s.v.word, s.v.unheard = max(s.v.word, now), 0
	})
}

// On no network below an outage is there a fault, whoever talks; and when the network goes, it is said within 4 s while
// anybody talks.
func TestFaultsOnNetworks(t *testing.T) {
	for _, n := range netsim.Presets() {
		for seed := range uint64(4) {
			for talkers := range 4 {
				up, down, err := netsim.Preset(n.Name, seed)
				if err != nil {
					t.Fatal(err)
				}
				every := repair.ReportCalm
				if strings.HasPrefix(n.Name, "loss") || strings.HasPrefix(n.Name, "burst") {
					every = repair.ReportLossy
				}
				s := &pathSim{up: up, down: down, every: every, talk: talkers&1 != 0, listen: talkers&2 != 0}
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
						if f.Kind != FaultUDPStopped || !f.On || talkers > 0 && now-dead > 4100*time.Millisecond {
							t.Errorf("%s: dead for %v: %+v", where, now-dead, f)
						}
					}
				}
				if !s.monitor.isOn(FaultUDPStopped) {
					t.Errorf("%s: nothing said", where)
				}
			}
		}
	}
}
