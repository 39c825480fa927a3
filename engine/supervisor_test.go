package engine

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/internal/netsim"
	"github.com/tincan-voice/tincan/netproto"
)

// switchSim is one end that talks, in virtual time: its UDP, its TCP, the probes and receipts by both, and the supervisor.
type switchSim struct {
	up, down   netsim.Link // UDP
	tcp        bool        // connections come about
	rtt        time.Duration
	udp        probes
	open       bool // the tunnel
	supervisor supervisor
	arrivals   []landing
	said, came uint16
	receipt    time.Duration // when the relay sent one last
	newest     time.Duration // when the newest voice that it has was sent
	changes    []string
	at         []time.Duration
	dials      int
	opens      time.Duration
	opening    bool
}

func newSwitchSim(up, down netsim.Link, rtt time.Duration) *switchSim {
	return &switchSim{up: up, down: down, tcp: true, rtt: rtt, supervisor: supervisor{random: func() float64 { return 0.5 }}}
}

// later does something when a datagram has come through, or never.
func (s *switchSim) later(l netsim.Link, now time.Duration, size int, do func(time.Duration)) {
	fate := l.Send(now, size)
	for _, at := range fate.At[:min(fate.Copies, 1)] {
		s.arrivals = append(s.arrivals, landing{at: at, do: do})
	}
}

// step is 20 ms; every fifth one is a look of tend.
func (s *switchSim) step(now time.Duration) {
	for i := 0; i < len(s.arrivals); i++ {
		if a := s.arrivals[i]; a.at <= now {
			s.arrivals = append(s.arrivals[:i], s.arrivals[i+1:]...)
			i--
			a.do(now)
		}
	}
	if s.said++; !s.supervisor.tunnelled && s.said%3 == 0 {
		s.later(s.up, now, 150, func(at time.Duration) { s.came++; s.newest = now; s.report(at) })
	}
	if now%tickEvery != 0 {
		return
	}
	trial := s.supervisor.tunnelled
	due := s.udp.due(now, false)
	if trial {
		due = s.udp.last() + probeReturn
	}
	if now >= due {
		long := trial && s.udp.long(now)
		size := 29
		if long {
			size = probeLong
		}
		p := s.udp.next(now, s.said, long)
		s.later(s.up, now, size, func(at time.Duration) {
			a := netproto.ProbeAck{Echo: p.Time, Came: s.came}
			s.later(s.down, at, size, func(at time.Duration) { s.udp.ack(at, a, 0) })
		})
	}
	if s.opening && now >= s.opens {
		s.opening, s.open = false, s.tcp
		var err error
		if !s.tcp {
			err = errors.New("down")
		}
		s.supervisor.dialed(now, err)
	}
	udp, tun := s.udp.state(now), pathState{open: s.open}
	udp.open = true
	c := s.supervisor.look(now, &udp, &tun)
	if c.changed {
		s.udp.carry(!s.supervisor.tunnelled)
		s.changes = append(s.changes, fmt.Sprintf("%v %s", s.supervisor.tunnelled, c.why))
		s.at = append(s.at, now)
	}
	if c.dial > 0 {
		s.dials++
		s.opening, s.opens = true, now+3*max(s.rtt, s.udp.rtt.Value())
		if !s.tcp {
			s.opens = now + c.dial
		}
	}
	if c.close {
		s.open = false
	}
}

// report is the relay's receipt, each second.
func (s *switchSim) report(now time.Duration) {
	if now-s.receipt < time.Second {
		return
	}
	s.receipt = now
	newest := s.newest
	s.later(s.down, now, 80, func(time.Duration) { s.udp.arrived(newest) })
}

func (s *switchSim) until(now *time.Duration, end time.Duration) {
	for ; *now < end; *now += netproto.FrameDuration {
		s.step(*now)
	}
}

// blocked lets through what is not above a size.
type blocked struct {
	netsim.Link
	above int
}

func (l blocked) Send(now time.Duration, size int) netsim.Fate {
	if size > l.above {
		return netsim.Fate{}
	}
	return l.Link.Send(now, size)
}

// Whatever dies of UDP, whenever: voice is in the tunnel within 2 s and a round trip, and back within 10 s of UDP's return,
// where a tenth is lost each way 15 s.
func TestSupervisorSwitches(t *testing.T) {
	const back = 40 * time.Second
	for _, preset := range []string{"lan", "wifi", "loss10", "burst10"} {
		for _, dies := range []struct {
			name     string
			up, down int // the largest datagrams that pass
		}{{"both", 0, 0}, {"up", 0, 2000}, {"down", 2000, 0}, {"small only", 60, 60}, {"small only up", 60, 2000}} {
			for i := range 20 {
				up, down, err := netsim.Preset(preset, uint64(i))
				if err != nil {
					t.Fatal(err)
				}
				s := newSwitchSim(up, down, 80*time.Millisecond)
				now, dead := time.Duration(0), 10*time.Second+time.Duration(i)*60*time.Millisecond
				s.until(&now, dead)
				if len(s.changes) > 0 {
					t.Fatalf("%s: a change at %v: %v", preset, s.at, s.changes)
				}
				s.up, s.down = blocked{up, dies.up}, blocked{down, dies.down}
				s.until(&now, dead+back)
				most := 2*time.Second + s.udp.rtt.Value()
				if lossy(preset) && dies.up > 0 && dies.up < 1000 {
					most += time.Second // an answered probe is needed to know that voice is not
				}
				if len(s.changes) != 1 || s.at[0]-dead > most {
					t.Errorf("%s, %s, %d: %v after %v", preset, dies.name, i, s.changes, s.at[0]-dead)
				}
				s.up, s.down = up, down
				heals := now
				s.until(&now, heals+20*time.Second)
				soon := 10 * time.Second
				if lossy(preset) {
					soon = 15 * time.Second
				}
				if len(s.changes) != 2 || s.at[1]-heals > soon {
					t.Errorf("%s, %s, %d: %v, back after %v", preset, dies.name, i, s.changes, s.at[1:])
				}
			}
		}
	}
}

// Where UDP is blocked from the start voice has a tunnel in the first second, and where it is not there is none.
func TestSupervisorFromTheStart(t *testing.T) {
	for _, rtt := range []time.Duration{0, 50 * time.Millisecond, 100 * time.Millisecond} {
		s := newSwitchSim(netsim.Loss(1, 1), netsim.Loss(1, 1), rtt)
		now := time.Duration(0)
		if s.until(&now, time.Second); len(s.changes) != 1 {
			t.Errorf("round trip %v: %v", rtt, s.changes)
		}
	}
	for _, n := range netsim.Presets() {
		if n.Name == "handover" || strings.HasPrefix(n.Name, "thin") {
			continue // it has outages; it cannot carry what is sent here
		}
		for seed := range uint64(5) {
			up, down, err := netsim.Preset(n.Name, seed)
			if err != nil {
				t.Fatal(err)
			}
			rtt, most := 80*time.Millisecond, 0
			if slow(n.Name) {
				rtt = 700 * time.Millisecond
			}
			if slow(n.Name) || lossy(n.Name) {
				most = 2 // once there and back in three minutes
			}
			s := newSwitchSim(up, down, rtt)
			now := time.Duration(0)
			if s.until(&now, 3*time.Minute); len(s.changes) > most {
				t.Errorf("%s: at %v %v", n.Name, s.at, s.changes)
			}
		}
	}
}

// While the relay is away nothing answers, by UDP or a tunnel: UDP has its time from its return on.
func TestSupervisorExcusesAnAbsentRelay(t *testing.T) {
	s := &supervisor{random: func() float64 { return 0.5 }}
	tunnel := pathState{open: true}
	const back = 20 * time.Second
	for now := time.Second; ; now += tickEvery {
		if now <= back {
			s.excuse(now)
		}
		course := s.look(now, &pathState{open: true, answered: true, silent: now}, &tunnel)
		if course.changed {
			if late := now - back; late < deadAfter || late > deadAfter+2*tickEvery {
				t.Errorf("voice takes the tunnel %v after the relay's return", late)
			}
			return
		}
		if now > 2*back {
			t.Fatal("never")
		}
	}
}

// Half of all lost both ways, for ten minutes: UDP is left a few times at most.
func TestSupervisorStaysWhereMuchIsLost(t *testing.T) {
	left := 0
	for seed := range uint64(5) {
		s := newSwitchSim(netsim.Loss(0.3, seed), netsim.Loss(0.3, seed+100), 80*time.Millisecond)
		now := time.Duration(0)
		s.until(&now, 10*time.Minute)
		left += len(s.changes)
	}
	t.Logf("30 %% lost both ways: %d changes in 50 minutes", left)
	if left > 10 {
		t.Errorf("%d changes", left)
	}
}

// What goes back and forth is left alone for longer and longer, but not for ever.
func TestSupervisorDoesNotFlap(t *testing.T) {
	s := newSwitchSim(nil, nil, 20*time.Millisecond)
	now := time.Duration(0)
	good, dead := netsim.Loss(0, 1), netsim.Loss(1, 1)
	for range 30 { // 10 s good, 4 s dead, for 7 minutes
		s.up, s.down = good, good
		s.until(&now, now+10*time.Second)
		s.up, s.down = dead, dead
		s.until(&now, now+4*time.Second)
	}
	if n := len(s.changes); n > 8 {
		t.Errorf("%d changes: %v", n, s.at)
	}
	s.up, s.down = good, good
	last := len(s.changes)
	s.until(&now, now+backMost+10*time.Second)
	if s.supervisor.tunnelled {
		t.Errorf("still in the tunnel; %v", s.at[last:])
	}
	s.until(&now, now+2*calmAfter) // all is forgotten
	s.up, s.down = dead, dead
	s.until(&now, now+5*time.Second)
	s.up, s.down = good, good
	s.until(&now, now+10*time.Second)
	if s.supervisor.tunnelled || s.open && now-s.supervisor.needed > tunnelSpare {
		t.Errorf("it waits for %v", s.supervisor.wait)
	}
}

// Where there is no TCP either, dialing goes on at its pace, and a tunnel that is not needed any more is closed.
func TestSupervisorDials(t *testing.T) {
	s := newSwitchSim(netsim.Loss(1, 1), netsim.Loss(1, 1), 20*time.Millisecond)
	s.tcp = false
	now := time.Duration(0)
	s.until(&now, time.Minute)
	if s.dials < 8 || s.dials > 60 || len(s.changes) > 0 {
		t.Errorf("%d attempts, %v", s.dials, s.changes)
	}
	s.tcp = true
	heals := now
	s.until(&now, now+10*time.Second)
	if len(s.changes) != 1 || s.at[0]-heals > tunnelTry+3*tunnelPauses+time.Second {
		t.Errorf("%v at %v", s.changes, s.at)
	}
	if s.up, s.down = netsim.Loss(0, 1), netsim.Loss(0, 1); !s.open {
		t.Error("closed")
	}
	s.until(&now, now+10*time.Second+tunnelSpare)
	if s.supervisor.tunnelled || s.open {
		t.Errorf("in the tunnel %v, open %v", s.supervisor.tunnelled, s.open)
	}
	sup := supervisor{random: rand.Float64}
	sup.dialed(now, errNoTunnel)
	if sup.due < now+tunnelNever {
		t.Error("a relay without a tunnel is asked again at once")
	}
}
