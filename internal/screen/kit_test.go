package screen

import (
	"context"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/engine"
	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/stream"
)

var update = flag.Bool("update", false, "write the screens anew")

// fakeCall is a call that notes what is done to it.
type fakeCall struct {
	done    []string
	stats   engine.Stats
	events  chan engine.Event
	err     error
	listens bool
}

func newFakeCall() *fakeCall { return &fakeCall{events: make(chan engine.Event, 9)} }

func (c *fakeCall) note(format string, args ...any) {
	c.done = append(c.done, fmt.Sprintf(format, args...))
}
func (c *fakeCall) Stats() engine.Stats                { return c.stats }
func (c *fakeCall) Events() <-chan engine.Event        { return c.events }
func (c *fakeCall) Err() error                         { return c.err }
func (c *fakeCall) Mute(on bool)                       { c.note("mute %v", on) }
func (c *fakeCall) Deafen(on bool)                     { c.note("deafen %v", on) }
func (c *fakeCall) Leave()                             { c.note("leave") }
func (c *fakeCall) SetVolume(s uint32, v float32) bool { c.note("volume %d %.1f", s, v); return true }

func (*fakeCall) Verdict() []string {
	return []string{"Bob's way to the relay, 14:03:10 to 14:07:02: 18 % lost or overtaken, repaired to 2 %", "fine: your way from it, your way to it, your sound, this machine"}
}
func (c *fakeCall) Speaks() bool { return !c.listens }

// took returns what was done since, and forgets it.
func (c *fakeCall) took() string {
	done := strings.Join(c.done, ", ")
	c.done = nil
	return done
}

// start is the time of day at which all calls here begin.
var start = time.Date(2026, 3, 1, 14, 3, 0, 0, time.UTC)

// rig is a Model and what stands around it.
type rig struct {
	*Model
	t     *testing.T
	call  *fakeCall
	asked []Form
	fails error // joining
	quits bool
}

func newRig(t *testing.T, cfg Config, width, height int) *rig {
	t.Helper()
	r := &rig{t: t, call: newFakeCall()}
	cfg.Version = "v1.2.3"
	cfg.Heard, cfg.Remember = func(engine.Event) {}, func([]Recent) {}
	cfg.Join = func(_ context.Context, f Form) (Joined, error) {
		r.asked = append(r.asked, f)
		if r.fails != nil {
			return Joined{}, r.fails
		}
		if strings.HasPrefix(f.Relay, "tincan:") {
			f.Relay, f.Room, f.Passphrase, f.Fingerprint = "voice.example.org", "jam", "abc", "SHA256:x"
		}
		return Joined{Call: r.call, Form: f}, nil
	}
	r.Model = New(t.Context(), cfg)
	r.send(tea.WindowSizeMsg{Width: width, Height: height})
	r.follow(r.Init())
	return r
}

// send gives the Model a message, and does what it asks for.
func (r *rig) send(msg tea.Msg) {
	r.t.Helper()
	_, cmd := r.Update(msg)
	r.follow(cmd)
}

// follow carries out what ends at once; a call's figures and events the tests send themselves.
func (r *rig) follow(cmd tea.Cmd) {
	r.t.Helper()
	if cmd == nil {
		return
	}
	switch msg := cmd().(type) {
	case nil, tea.BatchMsg, statsMsg, eventsMsg:
	case tea.QuitMsg:
		r.quits = true
	default:
		r.send(msg)
	}
}

// keys presses keys, by the names of bubbletea; others are typed.
func (r *rig) keys(names ...string) {
	r.t.Helper()
	special := map[string]tea.Key{
		"enter": {Code: tea.KeyEnter}, "esc": {Code: tea.KeyEsc}, "tab": {Code: tea.KeyTab}, "up": {Code: tea.KeyUp},
		"down": {Code: tea.KeyDown}, "left": {Code: tea.KeyLeft}, "right": {Code: tea.KeyRight}, "space": {Code: tea.KeySpace, Text: " "},
		"backspace": {Code: tea.KeyBackspace}, "ctrl+c": {Code: 'c', Mod: tea.ModCtrl}, "ctrl+u": {Code: 'u', Mod: tea.ModCtrl},
		"ctrl+w": {Code: 'w', Mod: tea.ModCtrl},
	}
	for _, name := range names {
		if key, ok := special[name]; ok {
			r.send(tea.KeyPressMsg(key))
			continue
		}
		for _, c := range name {
			r.send(tea.KeyPressMsg{Code: c, Text: string(c)})
		}
	}
}

// figures shows figures of a call after a while.
func (r *rig) figures(after time.Duration, s engine.Stats) {
	r.t.Helper()
	s.Time = after
	_, _ = r.Update(statsMsg{r.call, start.Add(after), s}) // what follows waits
}

func (r *rig) event(events ...engine.Event) {
	r.t.Helper()
	_, _ = r.Update(eventsMsg{r.call, events, true})
}

// text is the screen without colours.
func (r *rig) text() string {
	lines := strings.Split(ansi.Strip(r.View().Content), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n") + "\n"
}

// golden compares the screen with that of a file.
func (r *rig) golden(name string) {
	r.t.Helper()
	file := filepath.Join("testdata", name+".txt")
	got := r.text()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
			r.t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		r.t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		r.t.Errorf("%s (go test ./internal/screen -update writes it anew):\n%s", name, diff)
	}
	r.fits()
}

// fits checks that the screen is one.
func (r *rig) fits() {
	r.t.Helper()
	lines := strings.Split(r.View().Content, "\n")
	if len(lines) > r.height {
		r.t.Errorf("%dx%d: %d lines", r.width, r.height, len(lines))
	}
	for _, l := range lines {
		if n, wc := ansi.StringWidth(l), ansi.StringWidthWc(l); n > r.width || wc > r.width {
			r.t.Errorf("%dx%d: %d or %d cells: %q", r.width, r.height, n, wc, l)
		}
	}
}

// peer is one who has been heard for 20 s.
func peer(session uint32, name string, concealed uint64, ways stream.Ways) engine.PeerStats {
	return engine.PeerStats{
		Session: session, Name: netproto.CleanName(name), Volume: 1, Level: codec.Silent, Frames: 1000, Concealed: concealed,
		Ways: ways, MouthToEar: 120 * time.Millisecond,
	}
}

// aCall is one with three others, of whom the second talks.
func aCall() engine.Stats {
	s := engine.Stats{Level: 24, Peers: []engine.PeerStats{
		peer(2, "Bob", 0, stream.Ways{Came: 900}),
		peer(3, "Zoë", 52, stream.Ways{Came: 880, LostUp: 120}),
		peer(4, "李小龍", 30, stream.Ways{Came: 900, LostDown: 60}),
		{Session: 5, Name: "مریم", Volume: 1, Level: codec.Silent},
	}}
	s.Peers[0].Identity, s.Peers[1].Identity, s.Peers[2].Identity = engine.IdentityKnown, engine.IdentityChanged, engine.IdentityFirst
	s.Peers[1].Talking, s.Peers[1].Level = true, 20
	s.Link = engine.LinkStats{
		Relay: netip.MustParseAddrPort("192.0.2.1:9999"), Alive: true, RTT: 24 * time.Millisecond, UpKbps: 32, DownKbps: 68, Fingerprint: "SHA256:3E4+gQEg7RNk5h2r81ipVWu5+cnMbaRu2Q4z7IYLkao",
		Trust: engine.TrustFirst,
	}
	return s
}
