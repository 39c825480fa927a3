package verdict

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/engine"
	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/stream"
)

// world is the figures of a call, second by second.
type world struct {
	judge Judge
	stats engine.Stats
	now   time.Duration
}

// pass lets seconds pass in which Ann talks, and her two ways lose so many of 50 datagrams, of which made are made up.
func (w *world) pass(seconds int, up, down, made uint64) {
	if len(w.stats.Peers) == 0 {
		w.stats.Peers = []engine.PeerStats{{Session: 7, Name: "Ann"}}
	}
	for range seconds {
		p := &w.stats.Peers[0]
		p.Ways = stream.Ways{Came: p.Ways.Came + 50 - up - down, LostUp: p.Ways.LostUp + up, LostDown: p.Ways.LostDown + down}
		p.Frames, p.Concealed = p.Frames+50, p.Concealed+made
		w.now += time.Second
		w.judge.Look(w.now, &w.stats)
	}
}

func (w *world) lines() string {
	start := time.Date(2026, 1, 2, 14, 3, 0, 0, time.UTC)
	return strings.Join(w.judge.Lines(func(at time.Duration) time.Time { return start.Add(at) }, func(_ uint32, name string) string { return name }), "\n")
}

// A way that loses for a while is named with its time and its share, and what is over stays said.
func TestEpisodes(t *testing.T) {
	var w world
	w.pass(20, 0, 0, 0)
	w.pass(60, 9, 0, 1)
	w.pass(30, 0, 0, 0)
	w.pass(60, 0, 5, 2)
	w.stats.Output = engine.Pauses{Count: 3, Longest: 400 * time.Millisecond}
	w.pass(1, 0, 0, 0)
	w.stats.Output.Count, w.stats.Machine = 4, engine.Pauses{Count: 1, Longest: 2 * time.Second}
	w.pass(1, 0, 0, 0)
	got := w.lines()
	for _, want := range []string{
		"Ann's way to the relay, 14:03:21 to 14:04:20: 18 % lost or overtaken, repaired to 2 %",
		"your way from the relay, 14:04:51 to 14:05:50: 10 % lost, repaired to 4 %",
		"your sound output stood still 3 times, 0.4 s at most", "this machine had no time for the call once, 2.0 s at most",
		"fine: your way to it",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
	if n := len(w.judge.Episodes()); n != 4 {
		t.Errorf("%d episodes:\n%s", n, got)
	}
}

// Nothing is said of what loses a little, of a talker who comes back with new counts, nor before the first look.
func TestNothingToSay(t *testing.T) {
	var w world
	if all := w.judge.Episodes(); len(all) > 0 {
		t.Errorf("%+v", all)
	}
	for range 30 {
		w.pass(1, 1, 0, 0)
		w.pass(4, 0, 0, 0)
	}
	w.stats.Peers = nil
	w.pass(20, 0, 0, 0)
	if got := w.lines(); !strings.HasPrefix(got, "fine: the others' ways to the relay, your way from it, ") {
		t.Error(got)
	}
}

// What is lost on our own way up is known by the relay's word.
func TestOwnWay(t *testing.T) {
	var w world
	for range 30 {
		w.stats.Sending.Up.Add(netproto.Outcome{Received: 40, Lost: 10})
		w.pass(1, 0, 0, 0)
	}
	all := w.judge.Episodes()
	if i := slices.IndexFunc(all, func(e Episode) bool { return e.Place == OwnUp }); len(all) != 1 || i < 0 || all[i].Lost < 0.15 || all[i].Left >= 0 {
		t.Errorf("%+v", all)
	}
	if got := w.lines(); !strings.Contains(got, "your way to the relay, ") || strings.Contains(got, "repaired") {
		t.Error(got)
	}
}

// What a device loses is told when it is more than 0.1 s in 10 s, and not where the machine or the output stood still,
// which explains it.
func TestDevices(t *testing.T) {
	slip := func(p *engine.Pauses, d time.Duration) {
		p.Count, p.Total, p.Longest = p.Count+1, p.Total+d, max(p.Longest, d)
	}
	for _, tt := range []struct {
		name string
		each func(s *engine.Stats) // every third second
		want string
	}{
		{"a little", func(s *engine.Stats) { slip(&s.Dry, 20*time.Millisecond) }, "fine: the others' ways"},
		{"dry", func(s *engine.Stats) { slip(&s.Dry, 60*time.Millisecond) }, "your sound output ran dry 4 times, 0.06 s at most, 14:03:06 to 14:03:12"},
		{"spilt", func(s *engine.Stats) { slip(&s.Spilt, 200*time.Millisecond) }, "your microphone's sound was taken too late 4 times, 0.20 s at most"},
		{"machine", func(s *engine.Stats) {
			slip(&s.Machine, time.Second)
			slip(&s.Dry, time.Second)
			slip(&s.Output, time.Second)
		}, "this machine had no time for the call 4 times"},
		{"output", func(s *engine.Stats) { slip(&s.Output, time.Second); slip(&s.Dry, time.Second) }, "your sound output stood still 4 times"},
	} {
		var w world
		for range 4 {
			w.pass(2, 0, 0, 0)
			tt.each(&w.stats)
			w.pass(1, 0, 0, 0)
		}
		got := w.lines()
		if n := len(w.judge.Episodes()); !strings.HasPrefix(got, tt.want) || n > 1 {
			t.Errorf("%s: %d episodes: %s", tt.name, n, got)
		}
	}
}
