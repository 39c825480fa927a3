package engine

import (
	"path/filepath"
	"testing"
	"time"
)

const tick = 100 * time.Millisecond

func TestRoaming(t *testing.T) {
	const second = time.Second
	alive := func(time.Duration) pathSigns { return pathSigns{} }
	tests := []struct {
		name  string
		signs func(now time.Duration) pathSigns
		moves int // in 20 s
		first time.Duration
	}{
		{"answers come", alive, 0, 0},
		{"answers stop after 5 s", func(now time.Duration) pathSigns {
			return pathSigns{waiting: now > 5*second, asked: 5 * second}
		}, 7, 5*second + silentPath},
		{"voice comes all the same", func(now time.Duration) pathSigns {
			return pathSigns{waiting: now > 5*second, asked: 5 * second, word: now}
		}, 0, 0},
		{"nothing can be sent from 5 to 8 s", func(now time.Duration) pathSigns {
			return pathSigns{barred: uint64(max(0, min(now, 8*second)-5*second) / tick)}
		}, 6, 5*second + tick},
	}
	for _, tt := range tests {
		var r roaming
		moves, routes, first := 0, 0, time.Duration(0)
		for now := tick; now < 20*second; now += tick {
			route, move := r.look(now, tt.signs(now))
			if move && !route {
				t.Errorf("%s: another socket, and no look at the routes", tt.name)
			}
			if move {
				if moves++; moves == 1 {
					first = now
				}
			}
			if route {
				routes++
			}
		}
		if moves != tt.moves || first != tt.first || routes < 15 || routes > 25 {
			t.Errorf("%s: %d moves, want %d; first at %v, want %v; %d looks", tt.name, moves, tt.moves, first, tt.first, routes)
		}
	}

	// Who stood still has heard nothing, which says nothing.
	var r roaming
	r.look(tick, pathSigns{})
	if _, move := r.look(time.Minute, pathSigns{waiting: true, asked: tick}); move {
		t.Error("moves as it stood still")
	}
}

func TestPulse(t *testing.T) {
	tests := []struct {
		name    string
		silent  time.Duration // by UDP
		missed  time.Duration // a list
		answers bool
		asks    int           // in 30 s
		lost    time.Duration // after that; 0: it is not
	}{
		{"all is well", 0, 0, true, 0, 0},
		{"UDP is blocked", time.Hour, 0, true, 10, 0},
		{"the relay is gone", time.Hour, 0, false, 1, 4 * time.Second},
		{"a list takes 490 ms, as over a satellite", 0, 490 * time.Millisecond, true, 0, 0},
		{"a list is late", 0, 500 * time.Millisecond, true, 10, 0},
		{"a list does not come", 0, time.Second, false, 1, 3 * time.Second},
	}
	for _, tt := range tests {
		var p pulse
		var heard time.Duration
		asks, gone, knocked := 0, time.Duration(0), time.Duration(0)
		for now := 10 * time.Second; now < 40*time.Second && gone == 0; now += tick {
			switch p.look(now, tt.silent, tt.missed, 0, heard) {
			case pulseAsk:
				asks++
				if tt.answers {
					heard = now + tick/2
				}
			case pulseKnock:
				if knocked != 0 {
					t.Errorf("%s: knocked twice", tt.name)
				}
				knocked = now - 10*time.Second
			case pulseLost:
				gone = now - 10*time.Second
			}
		}
		if tt.answers != (knocked == 0) || !tt.answers && knocked != knockAfter {
			t.Errorf("%s: knocked after %v", tt.name, knocked)
		}
		if asks != tt.asks || gone != tt.lost {
			t.Errorf("%s: asked %d times, want %d; lost after %v", tt.name, asks, tt.asks, gone)
		}
	}
}

// A connection that owes an answer is given up when the relay takes another one, and not when the answer comes first.
func TestKnock(t *testing.T) {
	r := startRelay(t, certificate(t), nil)
	r.keep = true
	ann := join(t, r, Config{KnownRelays: filepath.Join(t.TempDir(), "known")})
	ctl := ann.control.get()
	ann.knock(ctl, ann.signs.said.get())
	if ctl.given.Load() != nil {
		t.Error("given up though the answer came")
	}
	ann.knock(ctl, ann.now()+time.Hour)
	if why := await(t, ann, "lost", anyEvent[Reconnecting]); why.Reason == "" {
		t.Errorf("%+v", why)
	}
	await(t, ann, "back", anyEvent[Reconnected])
	_ = r.tcp.Close() // nobody takes another one
	ctl = ann.control.get()
	given := ctl.given.Load()
	ann.knock(ctl, ann.now()+time.Hour)
	if ctl.given.Load() != given {
		t.Error("given up though there is no other")
	}
}
