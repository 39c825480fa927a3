package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/engine"
	"github.com/tincan-voice/tincan/stream"
)

// A doctor goes through to the end, and says what it found; how well a loaded machine carries voice is not judged here.
func TestDoctor(t *testing.T) {
	known := filepath.Join(t.TempDir(), "known")
	for _, tt := range []struct {
		relay string
		code  int // < 0: either
		says  []string
	}{
		{startTestRelay(t), -1, []string{"ok    relay: TCP of", "ok    certificate: SHA256:", "met for the first time", "voice"}},
		{deadRelay(t), 1, []string{"WRONG relay: cannot reach", "one thing is wrong"}},
		{"a:b:c", 2, []string{"a:b:c"}},
	} {
		var out, errs bytes.Buffer
		args := []string{"doctor", tt.relay, "--in", "none", "--out", "none", "--for", "3s", "--known-relays", known}
		code := run(t.Context(), args, strings.NewReader(""), &out, &errs)
		if tt.code >= 0 && code != tt.code {
			t.Errorf("%s: exit code %d", tt.relay, code)
		}
		for _, text := range tt.says {
			if !strings.Contains(out.String()+errs.String(), text) {
				t.Errorf("%s: no %q in\n%s%s", tt.relay, text, &out, &errs)
			}
		}
	}
}

// What the settings have in the place of a device is not tried.
func TestDoctorSkips(t *testing.T) {
	for _, tt := range []struct {
		chosen, says string
		skips        bool
	}{
		{"", "", false},
		{"USB", "", false},
		{"none", "", true},
		{"tone", "...   microphone: not tried, as tone is no device\n", true},
		{"in.wav", "...   microphone: not tried, as in.wav is no device\n", true},
	} {
		var out bytes.Buffer
		f := &findings{out: &out}
		if got := f.skips("microphone", tt.chosen); got != tt.skips || out.String() != tt.says {
			t.Errorf("%q: %v, %q", tt.chosen, got, &out)
		}
	}
	if code := run(t.Context(), []string{"doctor", "--for", "2s"}, nil, &bytes.Buffer{}, &bytes.Buffer{}); code != 2 {
		t.Errorf("too short: exit code %d", code)
	}
}

func TestJudgement(t *testing.T) {
	peer := engine.PeerStats{Frames: 400, MouthToEar: 100 * time.Millisecond, Ways: stream.Ways{Came: 400}}
	choppy := peer
	choppy.Concealed, choppy.Ways = 30, stream.Ways{Came: 350, LostUp: 50}
	silent := engine.PeerStats{}
	udp := engine.LinkStats{Alive: true, RTT: 24 * time.Millisecond}
	fault := func(kind engine.FaultKind) []engine.FaultStats {
		return []engine.FaultStats{{Fault: engine.Fault{Kind: kind, On: true, Text: "what it is"}}}
	}
	for _, tt := range []struct {
		name         string
		talks, hears engine.Stats
		bad          int
		says         string
	}{
		{"good", engine.Stats{Link: udp}, engine.Stats{Peers: []engine.PeerStats{peer}}, 0, "ok    voice there and back: good"},
		{"choppy", engine.Stats{Link: udp}, engine.Stats{Peers: []engine.PeerStats{choppy}}, 1, "WRONG voice there and back: very choppy: loses 12 % on their way up"},
		{"nothing came", engine.Stats{Link: udp}, engine.Stats{Peers: []engine.PeerStats{silent}}, 1, "of the same version"},
		{"tunnel", engine.Stats{Link: engine.LinkStats{Path: engine.PathTunnel, Alive: true}}, engine.Stats{Peers: []engine.PeerStats{peer}}, 1, "WRONG UDP: it does not come through"},
		{"no answer", engine.Stats{}, engine.Stats{Peers: []engine.PeerStats{peer}}, 1, "WRONG UDP: no answer"},
		{"nobody", engine.Stats{Link: udp}, engine.Stats{}, 1, "WRONG voice: nothing came back"},
		{"alone is none", engine.Stats{Link: udp, Faults: fault(engine.FaultAlone)}, engine.Stats{Peers: []engine.PeerStats{peer}}, 0, "ok    UDP"},
		{"fault", engine.Stats{Link: udp, Faults: fault(engine.FaultNotHeard)}, engine.Stats{Peers: []engine.PeerStats{peer}}, 1, "WRONG what it is"},
	} {
		var out bytes.Buffer
		f := &findings{out: &out}
		judge(f, tt.talks, tt.hears)
		if f.bad != tt.bad || !strings.Contains(out.String(), tt.says) {
			t.Errorf("%s: %d wrong, want %d and %q:\n%s", tt.name, f.bad, tt.bad, tt.says, &out)
		}
	}
}
