package engine

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/stream"
)

// What waits for TCP is dropped by its age, and the oldest where there is no room.
func TestFreshOnly(t *testing.T) {
	f, dropped := &fresh{}, 0
	put := func(now time.Duration, d byte) {
		if f.put(now, []byte{d}) {
			dropped++
		}
	}
	take := func(now time.Duration) int {
		framed, stale, ok := f.take(now, nil)
		if dropped += stale; !ok {
			return -1
		}
		d, _, err := netproto.ParseTunnel(framed)
		if err != nil {
			t.Fatal(err)
		}
		return int(d[0])
	}
	for i := range 3 {
		put(time.Duration(i)*100*time.Millisecond, byte(i))
	}
	for _, want := range []int{1, 2, -1} {
		if got := take(tunnelStale + 1); got != want {
			t.Errorf("took %d, want %d", got, want)
		}
	}
	for i := range 2 * freshRoom {
		put(0, byte(i))
	}
	for i := range freshRoom {
		if got := take(0); got != freshRoom+i {
			t.Errorf("took %d, want %d", got, freshRoom+i)
		}
	}
	if take(0) != -1 || dropped != 1+freshRoom {
		t.Errorf("%d dropped", dropped)
	}
	d := make([]byte, 100)
	framed := make([]byte, 0, 200)
	if n := testing.AllocsPerRun(100, func() { f.put(0, d); framed, _, _ = f.take(0, framed[:0]) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// tunnelCall is a call of two over TLS; Ann's UDP can be blocked.
func tunnelCall(t *testing.T, b block) (r *fakeRelay, ann, bob *Call) {
	r = startRelay(t, certificate(t), nil)
	r.keep, r.block, r.numbers = true, b, map[string]map[string]bool{}
	known := filepath.Join(t.TempDir(), "known")
	ann = join(t, r, Config{Name: "Ann", KnownRelays: known, Source: talk(1)})
	bob = join(t, r, Config{Name: "Bob", KnownRelays: known, Source: talk(2)})
	return r, ann, bob
}

func (r *fakeRelay) setBlock(b block) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.block = b
}

// heardAgain waits until both hear each other.
func heardAgain(t *testing.T, calls ...*Call) {
	t.Helper()
	for _, c := range calls {
		before := frames(c)
		eventually(t, "voice flows", func() bool { return frames(c) > before+25 })
	}
}

func toTunnel(e PathChanged) bool { return e.Path == PathTunnel }
func toUDP(e PathChanged) bool    { return e.Path == PathUDP }

// Whatever of UDP is blocked, from the start or later: voice goes by the tunnel, without nacks and copies, and back.
func TestTunnelWhereUDPIsBlocked(t *testing.T) {
	for _, tt := range []struct {
		name  string
		block block
		start bool
	}{
		{"from the start", block{up: true, down: true}, true},
		{"both ways", block{up: true, down: true}, false},
		{"up", block{up: true}, false},
		{"down", block{down: true}, false},
		{"all but small datagrams", block{up: true, down: true, above: 60}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var first block
			if tt.start {
				first = tt.block
			}
			r, ann, bob := tunnelCall(t, first)
			if !tt.start {
				heardAgain(t, ann, bob)
				r.setBlock(tt.block)
			}
			for _, c := range []*Call{ann, bob} {
				if e := await(t, c, "the tunnel", toTunnel); e.Reason == "" {
					t.Errorf("%+v", e)
				}
			}
			heardAgain(t, ann, bob)
			r.mu.Lock()
			nacks := r.nacks
			r.mu.Unlock()
			heardAgain(t, ann, bob)
			r.mu.Lock()
			if r.nacks != nacks {
				t.Errorf("%d nacks", r.nacks-nacks)
			}
			r.mu.Unlock()
			if s := ann.Stats(); s.Link.Path != PathTunnel || !s.Link.Alive || len(s.Sending.Decision.Copies) > 0 {
				t.Errorf("%+v", s)
			}
			r.setBlock(block{})
			await(t, ann, "UDP", toUDP)
			await(t, bob, "UDP", toUDP)
			heardAgain(t, ann, bob)
			r.numbersAreUnique(t)
			for _, c := range []*Call{ann, bob} {
				s := c.Stats()
				for _, f := range faulty(&s) {
					if f.On { // a busy machine may be late with the tunnel: TestSupervisorSwitches has the times
						t.Errorf("%+v", f)
					}
				}
				if s.Link.Path != PathUDP || s.Reconnects > 0 || refused(&s) != (stream.DropCounts{}) {
					t.Errorf("%+v", s)
				}
			}
		})
	}
}

// The tunnel outlives the control connection, and another one takes the place of one that breaks.
func TestTunnelAlone(t *testing.T) {
	t.Parallel()
	r, ann, bob := tunnelCall(t, block{up: true, down: true})
	await(t, ann, "the tunnel", toTunnel)
	await(t, bob, "the tunnel", toTunnel)
	heardAgain(t, ann, bob)
	r.hangUp()
	if back := await(t, ann, "back", anyEvent[Reconnected]); !back.Resumed {
		t.Errorf("%+v", back)
	}
	heardAgain(t, ann, bob)
	r.mu.Lock()
	for _, c := range r.clients {
		c.addr.tunnel.Close()
	}
	r.mu.Unlock()
	heardAgain(t, ann, bob)
	if s := ann.Stats(); s.Link.Path != PathTunnel || s.Reconnects != 1 {
		t.Errorf("%+v", s)
	}
}

// A relay that does not know the session any more, and of whose end TCP has told nothing, takes every tunnel and answers
// in none: each one that is dialed anew goes on with the silence of the one before.
func TestTunnelToAStranger(t *testing.T) {
	t.Parallel()
	r, ann, bob := tunnelCall(t, block{up: true, down: true})
	await(t, ann, "the tunnel", toTunnel)
	await(t, bob, "the tunnel", toTunnel)
	r.forget()
	for _, c := range []*Call{ann, bob} {
		if back := await(t, c, "back", anyEvent[Reconnected]); back.Resumed {
			t.Errorf("%+v", back)
		}
	}
	heardAgain(t, ann, bob)
}

// Whose voice goes by a tunnel dials that while the relay is away: one that opens tells that it is back, and is not waited
// with for the next attempt's time.
func TestTunnelTellsThatTheRelayIsBack(t *testing.T) {
	t.Parallel()
	r, ann, _ := tunnelCall(t, block{up: true, down: true})
	await(t, ann, "the tunnel", toTunnel)
	ann.returning.Lock()
	ann.comeback.random = func() float64 { return 1e4 } // the next attempt by itself is half an hour away
	ann.returning.Unlock()
	r.die()
	await(t, ann, "lost", anyEvent[Reconnecting])
	r.restart()
	await(t, ann, "back", anyEvent[Reconnected])
}
