package screen

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/tincan-voice/tincan/engine"
	"github.com/tincan-voice/tincan/invite"
	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/stream"
)

var (
	annsForm = Form{Relay: "voice.example.org", Name: "Ann", Room: "jam"}
	before   = []Recent{
		{Relay: "voice.example.org", Name: "Ann", Room: "jam"},
		{Relay: "10.0.0.7:9000", Name: "Änne", Sealed: true},
	}
)

// sizes are those of which there are golden screens.
var sizes = []struct{ width, height int }{{80, 24}, {200, 50}}

func inCall(t *testing.T, width, height int) *rig {
	t.Helper()
	r := newRig(t, Config{Form: annsForm, Begin: true}, width, height)
	r.event(engine.PeerJoined{Session: 2, Name: "Bob"}, engine.PeerJoined{Session: 3, Name: "Zoë"})
	r.figures(time.Second, aCall())
	r.figures(12*time.Minute+34*time.Second, aCall())
	return r
}

func TestScreens(t *testing.T) {
	for _, size := range sizes {
		t.Run(fmt.Sprintf("%dx%d", size.width, size.height), func(t *testing.T) {
			golden := func(r *rig, name string) { r.golden(fmt.Sprintf("%s-%dx%d", name, size.width, size.height)) }
			golden(newRig(t, Config{}, size.width, size.height), "form-empty")

			r := newRig(t, Config{Form: Form{Name: "Ann"}, Recent: before}, size.width, size.height)
			r.keys("nowhere.example")
			r.fails = errors.New("cannot reach the relay nowhere.example:9999: no such host: check the name, and that you are online")
			r.keys("enter")
			golden(r, "form-error")

			r = inCall(t, size.width, size.height)
			golden(r, "call")
			r.keys("?")
			golden(r, "help")
			r.keys("?")
			golden(r, "help-more")
			r.keys("x")

			r.keys("m", "down", "left", "left", "down", "x")
			s := aCall()
			s.Sealed, s.Peers[2].Foreign = true, true
			s.Peers[2].Volume, s.Peers[3].Volume = 0.8, 0
			s.Link.Path, s.Sending.Voice, s.Sending.Adapt.Loss = engine.PathTunnel, 100, 0.12
			s.Faults = []engine.FaultStats{
				{Fault: engine.Fault{Kind: engine.FaultNotHeard, On: true, Text: "nobody hears you: no voice of yours arrives at 192.0.2.1:9999; check what your network lets out"}},
				{Fault: engine.Fault{Kind: engine.FaultPassphrase, On: true, Session: 2, Name: "Bob", Text: "you cannot hear Bob"}},
			}
			r.event(engine.PeerJoined{Session: 4, Name: "李小龍", Foreign: true})
			r.event(engine.PathChanged{Path: engine.PathTunnel, Reason: "UDP gets no answer"})
			r.figures(13*time.Minute, s)
			golden(r, "call-bad")
			r.keys("r", "back office")
			golden(r, "room")
		})
	}
}

// Whatever the size, a screen is no larger, and nothing panics.
func TestEverySize(t *testing.T) {
	for width := range 90 {
		for _, height := range []int{1, 2, 3, 5, 8, 12, 16, 24, 40} {
			for _, r := range []*rig{newRig(t, Config{Recent: before}, width, height), inCall(t, width, height)} {
				r.fits()
				r.keys("?")
				r.fits()
			}
		}
	}
}

// On any screen the help can be gone through to its end, where the verdict is, and left with any other key.
func TestHelpToItsEnd(t *testing.T) {
	for _, size := range []struct{ width, height int }{{80, 24}, {40, 10}, {200, 50}} {
		r := inCall(t, size.width, size.height)
		r.keys("?")
		seen := r.text()
		for range 40 {
			r.keys("down")
			seen += r.text()
		}
		for _, want := range []string{"leave and end the program", "18 % lost", "this machine"} {
			if !strings.Contains(strings.Join(strings.Fields(seen), " "), want) {
				t.Errorf("%v: %q is never shown", size, want)
			}
		}
		if r.keys("x"); r.talk.help {
			t.Errorf("%v: another key does not go back", size)
		}
		r.keys("?")
		for range 8 {
			if r.talk.help {
				r.keys("?")
			}
		}
		if r.talk.help {
			t.Errorf("%v: ? does not go back from the end", size)
		}
	}
}

func TestFormJoins(t *testing.T) {
	r := newRig(t, Config{Recent: before}, 80, 24)
	r.keys("enter")
	if r.err == nil || r.form.at != fieldRelay || len(r.asked) > 0 {
		t.Fatalf("without a relay: %v, field %d", r.err, r.form.at)
	}
	r.send(tea.PasteMsg{Content: " tincan://voice.example.org/\njam#abc\n"})
	r.keys("enter")
	if r.err == nil || r.form.at != fieldName {
		t.Fatalf("without a name: %v, field %d", r.err, r.form.at)
	}
	r.fails = fmt.Errorf("name: %w", netproto.ErrName)
	r.keys("Annn", "backspace", "tab", "the room", "ctrl+w", "jam", "tab", "tin can", "enter")
	want := Form{Relay: "tincan://voice.example.org/jam#abc", Name: "Ann", Room: "the jam", Passphrase: "tin can"}
	if len(r.asked) != 1 || r.asked[0] != want || r.form.at != fieldName || strings.Contains(r.text(), "tin can") {
		t.Fatalf("asked %+v, field %d", r.asked, r.form.at)
	}
	r.fails = nil
	r.keys("ctrl+u", "Bob", "enter")
	if r.talk == nil || r.asked[1].Name != "Bob" {
		t.Fatalf("asked %+v", r.asked)
	}
	if got := r.form.recent; got[0] != (Recent{Relay: "voice.example.org", Name: "Bob", Room: "jam", Sealed: true}) || len(got) != 2 {
		t.Errorf("remembered %+v", got) // what the link said, but for its secret
	}
	r.keys("q")
	if r.talk != nil || r.quits || r.call.took() != "leave" {
		t.Errorf("left to the form: %v, quits %v", r.talk, r.quits)
	}
	r.keys("esc")
	if !r.quits {
		t.Error("goes on")
	}
}

// A link that cannot be read sends the user back to it, whatever field Enter was pressed in.
func TestWrongLink(t *testing.T) {
	r := newRig(t, Config{Form: Form{Relay: "tincan://x", Name: "Ann"}}, 80, 24)
	r.fails = fmt.Errorf("%w: cut off", invite.ErrLink)
	if r.keys("tab", "enter"); r.form.at != fieldRelay {
		t.Errorf("field %d", r.form.at)
	}
}

// The fingerprint of an invitation holds for every call with that relay, and for no other relay.
func TestFingerprintHolds(t *testing.T) {
	r := newRig(t, Config{Form: Form{Relay: "tincan://voice.example.org/jam#abc", Name: "Ann"}}, 80, 24)
	r.keys("enter", "r", "quiet", "enter", "q", "enter", "q", "x", "enter", "q", "backspace", "enter")
	for i, want := range []string{"", "SHA256:x", "SHA256:x", "", "SHA256:x"} {
		if i >= len(r.asked) || r.asked[i].Fingerprint != want {
			t.Fatalf("call %d: asked %+v", i, r.asked)
		}
	}
}

func TestRecent(t *testing.T) {
	r := newRig(t, Config{Recent: before}, 80, 24)
	r.keys("down", "down", "down", "down", "enter")
	if len(r.asked) != 1 || r.asked[0] != annsForm {
		t.Fatalf("asked %+v", r.asked)
	}
	r.keys("q", "up", "up", "down", "down", "down", "enter")
	if len(r.asked) != 1 || r.form.at != fieldPassphrase || r.err == nil {
		t.Errorf("a sealed room: asked %+v, field %d, %v", r.asked[1:], r.form.at, r.err)
	}
}

func TestGivingUp(t *testing.T) {
	r := newRig(t, Config{Form: annsForm}, 80, 24)
	_, join := r.Update(tea.KeyPressMsg{Code: tea.KeyEnter})
	if !strings.Contains(r.text(), "Joining voice.example.org") {
		t.Error(r.text())
	}
	r.keys("esc")
	r.fails = errors.New("context canceled")
	r.follow(join)
	if r.err != nil || r.joining != nil || r.talk != nil || r.quits {
		t.Errorf("%v", r.err)
	}
}

// Who gives up when the relay has just let us in leaves, and Ctrl-C ends the program then; a second one ends it at
// once.
func TestGivingUpTooLate(t *testing.T) {
	for _, key := range []string{"esc", "ctrl+c"} {
		r := newRig(t, Config{Form: annsForm}, 80, 24)
		_, join := r.Update(tea.KeyPressMsg{Code: tea.KeyEnter})
		r.keys(key)
		if r.quits {
			t.Errorf("%s: it does not wait", key)
		}
		r.follow(join)
		if r.call.took() != "mute true, leave" || r.talk != nil || r.quits != (key == "ctrl+c") {
			t.Errorf("%s: quits %v", key, r.quits)
		}
	}
	r := newRig(t, Config{Form: annsForm, Muted: true}, 80, 24)
	_, join := r.Update(tea.KeyPressMsg{Code: tea.KeyEnter})
	r.keys("esc")
	r.follow(join)
	r.keys("enter")
	if got := r.call.took(); got != "mute true, leave, mute true" || !r.talk.muted {
		t.Errorf("muted, and joined again: %s", got)
	}
	r = newRig(t, Config{Form: annsForm}, 80, 24)
	_, _ = r.Update(tea.KeyPressMsg{Code: tea.KeyEnter})
	if r.keys("ctrl+c", "ctrl+c"); !r.quits {
		t.Error("Ctrl-C twice: it waits")
	}
}

// Whoever is muted, or deaf, is so in the next room too.
func TestMutedAndDeafInTheNextRoom(t *testing.T) {
	r := inCall(t, 80, 24)
	r.keys("m", "r", "quiet", "enter")
	if got := r.call.took(); got != "mute true, leave, mute true" || !r.talk.muted {
		t.Error(got)
	}
	r.keys("m", "d", "r", "loud", "enter", "d")
	if got := r.call.took(); got != "mute false, deafen true, leave, deafen true, deafen false" || r.talk.deaf {
		t.Error(got)
	}
}

func TestKeysOfACall(t *testing.T) {
	r := inCall(t, 80, 24)
	for _, tt := range []struct{ keys, does string }{
		{"m", "mute true"},
		{"m", "mute false"},
		{"d", "deafen true"},
		{"d", "deafen false"},
		{"space", "mute true"}, // a terminal that does not tell when it is let go
		{"space", "mute false"},
		{"right", "volume 2 1.1"},
		{"left", "volume 2 1.0"},
		{"x", "volume 2 0.0"},
		{"x", "volume 2 1.0"},
		{"down", ""},
		{"x", "volume 3 0.0"},
		{"up", ""},
		{"up", ""},
		{"left", "volume 2 0.9"},
		{"?", ""},
		{"m", ""}, // goes back only
		{"m", "mute true"},
		{"q", "leave"},
	} {
		r.keys(tt.keys)
		if got := r.call.took(); got != tt.does {
			t.Errorf("%s: %q, want %q", tt.keys, got, tt.does)
		}
	}
	if !r.quits {
		t.Error("goes on after the call that it was for")
	}
}

// A key does the same on every layout, where the terminal tells which one it is.
func TestLayouts(t *testing.T) {
	for _, tt := range []struct {
		layout string
		key    tea.KeyPressMsg
		want   string
	}{
		{"Latin", tea.KeyPressMsg{Code: 'm', Text: "m"}, "m"},
		{"Cyrillic", tea.KeyPressMsg{Code: 'ь', Text: "ь", BaseCode: 'm'}, "m"},
		{"Cyrillic, Shift", tea.KeyPressMsg{Code: 'ь', Text: "Ь", BaseCode: 'm', Mod: tea.ModShift}, "m"},
		{"Cyrillic, Ctrl-C", tea.KeyPressMsg{Code: 'с', BaseCode: 'c', Mod: tea.ModCtrl}, "ctrl+c"},
		{"Cyrillic, not told", tea.KeyPressMsg{Code: 'ь', Text: "ь"}, "ь"},
		{"Dvorak, Ctrl-C", tea.KeyPressMsg{Code: 'c', BaseCode: 'i', Mod: tea.ModCtrl}, "ctrl+c"},
		{"AZERTY", tea.KeyPressMsg{Code: 'm', Text: "m", BaseCode: ';'}, "m"},
		{"German", tea.KeyPressMsg{Code: 'ß', Text: "?", BaseCode: '-', Mod: tea.ModShift}, "?"},
		{"Windows, Ctrl-C", tea.KeyPressMsg{Code: 3, BaseCode: 'c', Mod: tea.ModCtrl}, "ctrl+c"},
		{"Windows, Shift-Tab", tea.KeyPressMsg{Code: tea.KeyTab, BaseCode: tea.KeyTab, Mod: tea.ModShift}, "shift+tab"},
		{"any", tea.KeyPressMsg{Code: tea.KeyUp}, "up"},
		{"any", tea.KeyPressMsg{Code: tea.KeySpace, Text: " "}, "space"},
	} {
		if got := stroke(tt.key); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.layout, got, tt.want)
		}
	}
}

// Where letters are commands the terminal is to tell them as keys, and where they are typed as text.
func TestLettersAreKeysInACall(t *testing.T) {
	r := newRig(t, Config{Form: annsForm}, 80, 24)
	for _, tt := range []struct {
		press string
		keys  bool
	}{{"tab", false}, {"enter", true}, {"r", false}, {"esc", true}} {
		r.keys(tt.press)
		if got := r.View().KeyboardEnhancements; got.ReportAllKeysAsEscapeCodes != tt.keys || !got.ReportAlternateKeys || !got.ReportEventTypes {
			t.Errorf("after %s: %+v", tt.press, got)
		}
	}
}

// Where the terminal tells when a key is let go, we are heard as long as it is held, and no longer.
func TestPushToTalk(t *testing.T) {
	r := inCall(t, 80, 24)
	r.send(tea.KeyboardEnhancementsMsg{Flags: ansi.KittyReportEventTypes})
	release := tea.KeyReleaseMsg{Code: tea.KeySpace}
	r.keys("space")
	r.send(release)
	if got := r.call.took(); got != "" {
		t.Errorf("while heard anyway: %s", got)
	}
	r.keys("m", "space", "space")
	if got := r.call.took(); got != "mute true, mute false" || !strings.Contains(r.text(), "YOU TALK") {
		t.Errorf("held: %s", got)
	}
	r.send(release)
	if got := r.call.took(); got != "mute true" {
		t.Errorf("let go: %s", got)
	}
	r.keys("space")
	r.send(tea.BlurMsg{})
	r.send(release)
	if got := r.call.took(); got != "mute false, mute true" {
		t.Errorf("another window: %s", got)
	}
	r.keys("space", "m")
	r.send(release)
	if got := r.call.took(); got != "mute false, mute true" || !r.talk.muted {
		t.Errorf("m while held: %s", got)
	}
}

// The band says what is so for our voice.
func TestStates(t *testing.T) {
	foreign := engine.PeerStats{Session: 2, Name: "Bob", Volume: 1, Foreign: true}
	fault := func(kind engine.FaultKind) []engine.FaultStats {
		return []engine.FaultStats{{Fault: engine.Fault{Kind: kind, On: true, Text: "what it is"}}}
	}
	both := aCall()
	both.Peers = append(both.Peers, foreign)
	for _, tt := range []struct {
		name  string
		stats engine.Stats
		want  string
	}{
		{"heard", aCall(), "YOU ARE HEARD"},
		{"alone", engine.Stats{}, "YOUR MICROPHONE IS ON"},
		{"unknown to the relay's list", engine.Stats{Peers: aCall().Peers, Faults: fault(engine.FaultUnknown)}, "NOBODY HEARS YOU: see below"},
		{"muted by others", engine.Stats{Peers: aCall().Peers, Faults: fault(engine.FaultSilenced)}, "OTHERS HAVE MUTED YOU: nobody hears you"},
		{"all are foreign", engine.Stats{Peers: []engine.PeerStats{foreign}}, "NOBODY HEARS YOU: another passphrase"},
		{"one is foreign", both, "YOU ARE HEARD"},
	} {
		r := newRig(t, Config{Form: annsForm, Begin: true}, 80, 24)
		r.figures(time.Second, tt.stats)
		if got, _ := r.state(); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestRoomAndCommand(t *testing.T) {
	said := ""
	r := newRig(t, Config{Form: annsForm, Begin: true, Command: func(_ Call, text string) (string, error) {
		said = text
		if text == "code Ann" {
			return "12345", nil
		}
		return "", errors.New("nobody here is called Bob")
	}}, 80, 24)
	r.keys(":", "kick Bob", "enter")
	r.figures(time.Second, aCall())
	if said != "kick Bob" || !strings.Contains(r.text(), "nobody here is called Bob") {
		t.Errorf("%q:\n%s", said, r.text())
	}
	r.keys(":", "code Ann", "enter")
	if !strings.Contains(r.text(), "12345") {
		t.Errorf("no code:\n%s", r.text())
	}
	r.keys("r", "q", "esc", "r", "quiet", "enter")
	want := annsForm
	want.Room = "quiet"
	if len(r.asked) != 2 || r.asked[1] != want || r.call.took() != "leave" || r.talk == nil {
		t.Errorf("asked %+v", r.asked)
	}
}

func TestDevices(t *testing.T) {
	used := ""
	r := newRig(t, Config{
		Form: annsForm, Begin: true,
		Devices: func() (Devices, error) {
			return Devices{Inputs: []string{"ALSA: mic"}, Outputs: []string{"ALSA: ear", "ALSA: wall"}, Out: "ALSA: ear"}, nil
		},
		Use: func(in, out string) error { used = in + " / " + out; return errors.New("device: it is busy") },
	}, 80, 24)
	r.figures(time.Second, aCall())
	r.keys("i", "down")
	r.golden("devices-80x24")
	r.keys("enter")
	if used != "ALSA: mic / ALSA: ear" || !strings.Contains(r.text(), "it is busy") {
		t.Errorf("%q", used)
	}
	r.keys("i", "up", "enter")
	if used != " / ALSA: wall" {
		t.Errorf("%q", used)
	}
}

// On a small screen too one sees what one chooses and types.
func TestSmallScreens(t *testing.T) {
	for _, height := range []int{5, 7, 8, 12} {
		r := newRig(t, Config{Form: annsForm, Begin: true, Devices: func() (Devices, error) {
			return Devices{Inputs: []string{"mic"}, Outputs: []string{"ear", "wall"}}, nil
		}}, 30, height)
		r.keys("i")
		for i := range 5 {
			if !strings.Contains(r.text(), "  > ") {
				t.Errorf("height %d, choice %d:\n%s", height, i, r.text())
			}
			r.fits()
			r.keys("down")
		}
		r.keys("esc", "r", "quiet")
		if !strings.Contains(r.text(), "quiet") {
			t.Errorf("height %d:\n%s", height, r.text())
		}
		r.fits()
	}
}

// Where the oldest line has no room it is cut at its end: what begins in the middle of a sentence says nothing.
func TestOldestLineIsCut(t *testing.T) {
	r := newRig(t, Config{Form: annsForm, Begin: true}, 80, 24)
	r.figures(0, engine.Stats{})
	r.talk.lines = nil
	for i := range 2 {
		r.talk.say(fmt.Sprint("where it begins ", strings.Repeat("word ", 40), "where it ends ", i), true)
	}
	for most := range 9 {
		text := ansi.Strip(strings.Join(r.happened(most), "\n"))
		begins, times := strings.Count(text, "where it begins"), strings.Count(text, "14:03")
		if lines := strings.Count(text, "\n") + 1; most > 0 && lines != most || begins != times || begins != min((most+3)/4, 2) {
			t.Errorf("%d lines:\n%s", most, text)
		}
	}
}

// A call that ends by itself says why, on the form.
func TestCallEnds(t *testing.T) {
	r := inCall(t, 80, 24)
	r.call.err = engine.ErrNoVoice
	_, cmd := r.Update(eventsMsg{r.call, []engine.Event{engine.Ended{Err: engine.ErrNoVoice}}, false})
	r.follow(cmd)
	if r.talk != nil || !errors.Is(r.Err(), engine.ErrNoVoice) || r.quits || !strings.Contains(r.text(), engine.ErrNoVoice.Error()) {
		t.Errorf("%v, quits %v:\n%s", r.Err(), r.quits, r.text())
	}
	r.figures(time.Hour, aCall()) // too late
}

// The end of the program is no failure of the call.
func TestProgramEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	m := New(ctx, Config{Heard: func(engine.Event) {}})
	call := newFakeCall()
	m.talk = &talk{call: call}
	cancel()
	if m.update(eventsMsg{call, nil, false}); m.Err() != nil {
		t.Error(m.Err())
	}
}

// No control character of others reaches the terminal, and names that terminals draw in different widths do not
// move what stands behind them.
func TestHostileNames(t *testing.T) {
	for _, name := range []string{
		"\x1b[31mred\x1b[2J", "\x1b]0;title\x07", "\u009b31m", "a\x00b\r\nc\bd\te\x7f", "\u202eevil\u2066", "\xff\xfe\x1b[A",
		"👩‍👩‍👧‍👦 Fam", "🇩🇪 Flag", "👍🏽 ok", "❤️ heart", "e\u0301te\u0301", "क्षत्रिय", "می\u200cروم", "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘", "한글 이름", strings.Repeat("字", 40), "",
	} {
		for _, ascii := range []bool{false, true} {
			r := newRig(t, Config{
				Form: Form{Relay: name, Name: name, Room: name}, Recent: []Recent{{Relay: name, Name: name, Room: name}}, ASCII: ascii,
			}, 80, 24)
			r.fits()
			r.clean(name)
			r.keys("down", "down", "down", "down", "enter")
			if r.talk == nil { // nothing of the name is left
				continue
			}
			p := peer(2, "x", 0, stream.Ways{Came: 900})
			p.Name = name // as if the engine had let it through
			s := engine.Stats{Peers: []engine.PeerStats{p, {Session: 3, Name: name, Volume: 1}}, Reconnecting: name}
			s.Faults = []engine.FaultStats{{Fault: engine.Fault{Kind: engine.FaultStranger, On: true, Text: name}}}
			r.event(engine.PeerJoined{Session: 2, Name: name}, engine.RelayComplained{Reason: name}, engine.Reconnecting{Reason: name})
			r.figures(time.Second, s)
			r.fits()
			r.clean(name)
		}
	}
}

// clean checks that the screen has no control character but those of its own colours.
func (r *rig) clean(name string) {
	r.t.Helper()
	for _, c := range ansi.Strip(r.View().Content) {
		if c < ' ' && c != '\n' || c >= 0x7f && c < 0xa0 || c >= '\u202a' && c <= '\u202e' || c >= '\u2066' && c <= '\u2069' {
			r.t.Errorf("%q: %U on the screen", name, c)
		}
		if r.cfg.ASCII && c > 0x7f {
			r.t.Errorf("%q: %c on a screen for ASCII", name, c)
		}
	}
	if i := strings.Index(r.View().Content, "\x1b]"); i >= 0 || strings.Contains(r.View().Content, "\x1b[2J") {
		r.t.Errorf("%q: an escape sequence reaches the terminal", name)
	}
}
