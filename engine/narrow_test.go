package engine

import (
	"testing"
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

// narrows is a call with two paths by UDP and a cap, which has no room for voice twice, in virtual time: the real probes,
// pair and supervisor, and a model of tendPaths, of the relay, and of a network of which each path takes so many bytes.
type narrows struct {
	now        time.Duration
	most       [pathKinds]int
	probes     [pathKinds]probes
	pair       pair
	supervisor supervisor
	ways       ways
	sent       uint16
	came, went uint16 // as the relay counts
	got        uint16
	changes    int           // of the path that voice takes
	heard      time.Duration // both ways
}

const voiceSize = 200

func (n *narrows) passes(k PathKind, size int) bool { return size <= n.most[k] }

// frame sends one each way. The relay's goes by the first path.
func (n *narrows) frame() {
	n.now += netproto.FrameDuration
	n.sent++
	up, down := n.passes(n.ways.voice, voiceSize), n.passes(n.ways.first, voiceSize)
	n.went++
	if up {
		n.came++
	}
	if down {
		n.got++
	}
	if up && down {
		n.heard += netproto.FrameDuration
	}
	if n.now%tickEvery == 0 {
		n.tick()
	}
}

// tick mirrors Call.probe, tendPaths and take.
func (n *narrows) tick() {
	var all [pathKinds]pathState
	for k := range n.probes {
		kind, p := PathKind(k), &n.probes[k]
		if kind == PathTunnel && !n.supervisor.tunnelled {
			continue
		}
		trial := kind != PathTunnel && p.trial(n.supervisor.tunnelled)
		due := p.due(n.now, false)
		if trial {
			due = p.last() + probeReturn
		}
		if n.now >= due {
			size, long := probeSize, trial && p.long(n.now)
			if long {
				size = probeLong
			}
			echo := p.next(n.now, n.sent, long).Time
			if n.passes(kind, size) {
				p.ack(n.now, netproto.ProbeAck{Echo: echo, Came: n.came, Went: n.went}, n.got)
			}
		}
		all[k] = p.state(n.now)
		all[k].open = true
	}
	main, also, tunnel := &all[PathUDP], &all[PathAlso], &all[PathTunnel]
	tunnel.open = true
	n.supervisor.look(n.now, betterOf(main, also), tunnel)
	w := n.pair.look(main, also, true)
	if n.supervisor.tunnelled {
		w = ways{first: PathTunnel, second: noPath, voice: PathTunnel, twin: noPath, sure: PathTunnel}
	}
	if w.voice != n.ways.voice {
		n.changes++
	}
	n.ways = w
	for k := range n.probes {
		n.probes[k].carry(PathKind(k) == w.voice)
	}
}

// A path on which only small datagrams get through is left, for the other one or the tunnel, and not taken again and again.
func TestNarrowPathsUnderACap(t *testing.T) {
	const small, large, length = 100, netproto.MaxDatagram, 10 * time.Minute
	for _, tt := range []struct {
		name       string
		main, also int
		want       PathKind
		changes    int           // at most
		missing    time.Duration // at most
	}{
		{"none is narrow", large, large, PathUDP, 0, 0},
		{"the first", small, large, PathAlso, 1, 4 * time.Second},
		{"the second", large, small, PathUDP, 0, 0},
		{"both", small, small, PathTunnel, 4, 10 * time.Second},
	} {
		n := &narrows{}
		n.most[PathUDP], n.most[PathAlso], n.most[PathTunnel] = tt.main, tt.also, large
		n.supervisor.random = func() float64 { return 0.5 }
		n.ways = n.pair.look(&pathState{open: true, answered: true}, &pathState{open: true, answered: true}, true)
		for n.now < length {
			n.frame()
		}
		missing := n.now - n.heard
		t.Logf("%s: %d changes, %v missing", tt.name, n.changes, missing)
		if n.ways.voice != tt.want || n.changes > tt.changes || missing > tt.missing {
			t.Errorf("%s: %+v after %d changes, %v missing", tt.name, n.ways, n.changes, missing)
		}
		n.most[PathUDP], n.most[PathAlso] = large, large
		for end := n.now + time.Minute; n.now < end; {
			n.frame()
		}
		if n.ways.voice == PathTunnel {
			t.Errorf("%s: all is well, and voice goes by the tunnel", tt.name)
		}
	}
}
