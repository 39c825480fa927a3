package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/tincan-voice/tincan/audio/device"
	"github.com/tincan-voice/tincan/engine"
	"github.com/tincan-voice/tincan/internal/console"
	"github.com/tincan-voice/tincan/internal/screen"
	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/netproto/wire"
)

// teller writes what happens in a call: lines for people, or one JSON object per line
// (docs/client.md lists their fields).
type teller struct {
	json bool

	out *console.Writer // never waits: a terminal that stands still does not stop a call

	judge *judgement         // of the call
	gone  []engine.PeerStats // last figures of who left after talking; for the summary
	names names

	name    string // our own
	session uint32
}

func newTeller(out io.Writer, asJSON bool) *teller {
	t := &teller{json: asJSON, judge: &judgement{}}
	t.out = console.NewWriter(out, func(missed int) string {
		text := fmt.Sprintf("%d lines are missing here: nobody read them in time", missed)
		return t.line(jsonLine{Event: "warning", Text: text}, text)
	})
	return t
}

// close waits for the last lines to be written, but no longer than that.
func (t *teller) close(wait time.Duration) { t.out.Close(wait) }

// jsonLine is a line of `tincan join --json`. Every line has event and time.
type jsonLine struct {
	Event   string     `json:"event"`
	Time    time.Time  `json:"time"`
	Kind    string     `json:"kind,omitempty"`
	Session uint32     `json:"session,omitempty"`
	Name    string     `json:"name,omitempty"`
	On      *bool      `json:"on,omitempty"`
	Foreign bool       `json:"foreign,omitempty"`
	Text    string     `json:"text,omitempty"`
	Seconds float64    `json:"seconds,omitempty"`
	Stats   *jsonStats `json:"stats,omitempty"`
}

// say writes a line: text for people, or l. Lines without text are for programs only. Any goroutine may call it.
func (t *teller) say(l jsonLine, text string) {
	if line := t.line(l, text); line != "" {
		_, _ = io.WriteString(t.out, line) // fails only after close
	}
}

func (t *teller) line(l jsonLine, text string) string {
	switch {
	case t.json:
		if l.Time.IsZero() {
			l.Time = time.Now()
		}
		b, err := json.Marshal(l)
		if err != nil {
			panic(err) // a jsonLine holds nothing that cannot be written
		}
		return string(b) + "\n"
	case text != "":
		return text + "\n"
	}
	return ""
}

func (t *teller) warning(text string) { t.say(jsonLine{Event: "warning", Text: text}, text) }

func (t *teller) capturing(at time.Time) { t.say(jsonLine{Event: "capturing", Time: at}, "") }

func (t *teller) playing(at time.Time) { t.say(jsonLine{Event: "playing", Time: at}, "") }

func (t *teller) connected(call *engine.Call, name, room string) {
	t.we(netproto.CleanName(name), call.Session())
	where := "the default room"
	if room != "" {
		where = "room " + room
	}
	link := call.Stats().Link
	t.say(jsonLine{Event: "connected", Session: call.Session(), Text: link.Fingerprint, Kind: link.Trust.String()},
		fmt.Sprintf("joined %s on %s (session %d); m + Enter mutes, q + Enter leaves\nrelay certificate %s: %s",
			where, link.Relay, call.Session(), link.Fingerprint, screen.Trusts[link.Trust]))
}

// sealed tells whether the room has a passphrase here.
func (t *teller) sealed(on bool) {
	text := "not sealed: the relay can listen, unless you join with an invitation (tincan invite) or a passphrase (--passphrase)"
	if on {
		text = "sealed for those who know the passphrase"
	}
	t.say(jsonLine{Event: "sealed", On: &on}, text)
}

// we takes our own name and session.
func (t *teller) we(name string, session uint32) {
	t.name, t.session = name, session
	t.names.come(session, name)
}

// event tells one event of the call.
func (t *teller) event(e engine.Event) {
	onOff := func(on bool, yes, no string) string {
		if on {
			return yes
		}
		return no
	}
	switch e := e.(type) {
	case engine.PeerJoined:
		t.names.come(e.Session, e.Name)
		t.say(jsonLine{Event: "joined", Session: e.Session, Name: e.Name, Foreign: e.Foreign},
			t.names.shown(e.Session, e.Name)+onOff(e.Foreign, " is here with another passphrase, or without: you do not hear each other", " is here"))
	case engine.PeerIdentity:
		text := screen.AboutIdentity(e, t.names.shown(e.Session, e.Name))
		t.say(jsonLine{Event: "identity", Kind: e.Identity.String(), Session: e.Session, Name: e.Name, Text: text}, onOff(e.Identity.Doubtful(), "! ", "")+text)
	case engine.PeerLeft:
		if e.Stats.Frames > 0 {
			t.gone = append(t.gone, e.Stats)
		}
		t.say(jsonLine{Event: "left", Session: e.Session, Name: e.Name}, t.names.shown(e.Session, e.Name)+" left")
		t.names.leave(e.Session, e.Name)
	case engine.PeerTalking:
		t.say(jsonLine{Event: "talking", Session: e.Session, Name: e.Name, On: &e.Talking},
			t.names.shown(e.Session, e.Name)+onOff(e.Talking, " talks", " is silent"))
	case engine.PeerRecording:
		t.say(jsonLine{Event: "peer_recording", Session: e.Session, Name: e.Name, On: &e.Recording},
			t.names.shown(e.Session, e.Name)+onOff(e.Recording, " records the call", " does not record any more"))
	case engine.Muted:
		t.say(jsonLine{Event: "muted", On: &e.Muted}, onOff(e.Muted, "muted", "not muted"))
	case engine.Fault:
		text := e.Text
		if e.On && (e.Kind == engine.FaultPassphrase || e.Kind == engine.FaultNotUnderstood) {
			text += " (" + passphraseVar + ")"
		}
		t.say(jsonLine{Event: "fault", Kind: e.Kind.String(), On: &e.On, Session: e.Session, Name: e.Name, Text: text},
			onOff(e.On, "! ", "")+text+t.names.mark(e.Session))
	case engine.Adapted:
		t.say(jsonLine{Event: "sending", Text: e.Decision.Reason}, "")
	case engine.SourceEnded:
		text := "the input has ended, listening only"
		if e.Err != nil { // which a fault says on the screen
			t.say(jsonLine{Event: "source_ended", Text: fmt.Sprintf("the input failed, listening only: %v", e.Err)}, "")
			return
		}
		t.say(jsonLine{Event: "source_ended", Text: text}, text)
	case engine.SinkFailed: // the same
		t.say(jsonLine{Event: "sink_failed", Text: fmt.Sprintf("the output failed, nothing is played: %v", e.Err)}, "")
	case engine.Reconnecting:
		t.say(jsonLine{Event: "reconnecting", On: &e.Voice, Text: e.Reason, Seconds: e.Since.Seconds()}, reconnecting(e))
	case engine.RelayCloses:
		t.say(jsonLine{Event: "relay_closes", Text: e.Reason, Name: e.Relay, Seconds: e.Time.Seconds()}, relayCloses(e))
	case engine.Reconnected:
		if e.Session != t.session {
			t.names.leave(t.session, t.name)
			t.we(t.name, e.Session)
		}
		t.say(jsonLine{Event: "reconnected", On: &e.Resumed, Session: e.Session, Seconds: e.Gap.Seconds()},
			onOff(e.Gap > 0, fmt.Sprintf("back after %.1f s", e.Gap.Seconds()), "changed over"))
	case engine.PathChanged:
		t.say(jsonLine{Event: "path", Kind: e.Path.String(), Text: e.Reason}, pathChanged(e))
	case engine.SecondPath:
		text := "second path " + e.Name + onOff(e.On, " is in use", " is lost: "+e.Reason)
		t.say(jsonLine{Event: "second_path", Name: e.Name, On: &e.On, Text: e.Reason}, text)
	case engine.RelayComplained:
		t.say(jsonLine{Event: "relay_error", Text: e.Reason}, "the relay says: "+e.Reason)
	}
}

// pathChanged is "voice through the TCP tunnel: UDP gets no answer", for example, or "voice by UDP again".
func pathChanged(e engine.PathChanged) string {
	switch e.Path {
	case engine.PathTunnel:
		return "voice through the TCP tunnel: " + e.Reason
	case engine.PathAlso:
		return "voice by the second path alone: " + e.Reason
	}
	return "voice by UDP again"
}

// relayCloses is "the relay closes in 10 s: update; going to b.example:9999".
func relayCloses(e engine.RelayCloses) string {
	text := fmt.Sprintf("the relay closes in %.0f s", e.Time.Seconds())
	if e.Reason != "" {
		text += ": " + e.Reason
	}
	if e.Relay != "" {
		text += "; going to " + e.Relay
	}
	return text
}

// reconnecting is "reconnecting: the relay does not answer (4 s)", and whether voice goes on.
func reconnecting(e engine.Reconnecting) string {
	text := "reconnecting: " + e.Reason
	if e.Since >= time.Second {
		text += fmt.Sprintf(" (%.0f s)", e.Since.Seconds())
	}
	if e.Voice {
		text += "; voice goes on"
	}
	return text
}

// stats tells how the link and everyone heard is doing.
func (t *teller) stats(s engine.Stats) {
	var line strings.Builder
	fmt.Fprintf(&line, "up %.0f, down %.0f kbit/s", s.Link.UpKbps, s.Link.DownKbps)
	if s.Link.Alive {
		fmt.Fprintf(&line, ", round trip %d ms", s.Link.RTT.Milliseconds())
	}
	sealed := ", sealed"
	if !s.Sealed {
		sealed = ", not sealed"
	}
	line.WriteString(sealed)
	if s.Link.Path == engine.PathTunnel {
		line.WriteString(", through the TCP tunnel")
	}
	if s.Link.Second != "" {
		fmt.Fprintf(&line, ", twice: %s", s.Link.Second)
	}
	if s.Reconnecting != "" {
		fmt.Fprintf(&line, "; ! reconnecting: %s", s.Reconnecting)
	}
	if s.Sending.Voice > 0 {
		fmt.Fprintf(&line, "; sending %s", s.Sending.Decision.Reason)
	}
	for _, f := range s.Faults {
		if f.On {
			fmt.Fprintf(&line, "; ! %s%s", f, t.names.mark(f.Session))
		}
	}
	for _, p := range s.Peers {
		switch {
		case p.Foreign:
			fmt.Fprintf(&line, "; %s: another passphrase, or none", t.names.shown(p.Session, p.Name))
		case p.Frames > 0:
			fmt.Fprintf(&line, "; %s: lost %s, concealed %s, delay %d ms", t.names.shown(p.Session, p.Name),
				percent(p.Lost, p.Frames), percent(p.Concealed, p.Frames), p.MouthToEar.Milliseconds())
		}
	}
	t.say(jsonLine{Event: "stats", Stats: toJSON(s)}, line.String())
}

// verdict tells who lost what, when and where.
func (t *teller) verdict() {
	for _, line := range t.judge.lines(t.names.shown) {
		t.say(jsonLine{Event: "verdict", Text: line}, line)
	}
}

// summary tells the whole call at its end: who talked and left is in it too.
func (t *teller) summary(s engine.Stats) {
	if n := device.Stuck(); n > 0 {
		text := fmt.Sprintf("the sound system did not let go of %d lost devices: each may have kept a processor busy until now", n)
		t.say(jsonLine{Event: "warning", Text: text}, text)
	}
	s.Peers = append(s.Peers, t.gone...)
	if t.json {
		t.say(jsonLine{Event: "summary", Stats: toJSON(s)}, "")
		return
	}
	var text bytes.Buffer
	defer func() { _, _ = t.out.Write(text.Bytes()) }()
	over := max(s.Time, time.Millisecond)
	fmt.Fprintf(&text, "\n%s in the room; sent %d datagrams (%.1f kbit/s), received %d (%.1f kbit/s), headers counted\n",
		s.Time.Round(time.Second), s.Link.Sent, wire.KbpsOf(s.Link.SentBytes, over),
		s.Link.Received, wire.KbpsOf(s.Link.ReceivedBytes, over))
	if s.Sending.Voice > 0 {
		fmt.Fprintf(&text, "sent at the end: %s; %d datagrams sent again, %d held back\n", s.Sending.Decision.Reason, s.Sending.Resent, s.Sending.HeldBack)
	}
	times := func(n int) string {
		if n == 1 {
			return "once"
		}
		return fmt.Sprintf("%d times", n)
	}
	if s.Away > 0 {
		fmt.Fprintf(&text, "reconnected %s, %.1f s in all", times(s.Reconnects), s.Away.Seconds())
		if s.Reconnecting != "" {
			fmt.Fprintf(&text, "; not at the end: %s", s.Reconnecting)
		}
		fmt.Fprintln(&text)
	}
	for cause, g := range s.Gaps {
		if g.Count > 0 {
			fmt.Fprintf(&text, "no voice, %s: %s, %.1f s in all\n", engine.GapCause(cause), times(g.Count), g.Total.Seconds())
		}
	}
	for _, f := range s.Faults {
		fmt.Fprintf(&text, "! %s%s: %s, %.0f s in all\n", f, t.names.mark(f.Session), times(f.Count), f.Total.Seconds())
	}
	if len(s.Peers) == 0 {
		return
	}
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "FRAMES\tLOST\tREPAIRED\tCONCEALED\tLATE\tBUFFER\tMOUTH TO EAR\tTALKER")
	for _, p := range s.Peers {
		fmt.Fprintf(w, "%d\t%d\t%d\t%d\t%d\t%d ms\tabout %d ms\t%s\n", p.Frames, p.Lost, p.Repaired, p.Concealed, p.Late,
			p.Delay.Milliseconds(), p.MouthToEar.Milliseconds(), t.names.shown(p.Session, p.Name)) // last: a name may be wider than it is long
	}
	w.Flush()
}

func percent(part, whole uint64) string {
	return fmt.Sprintf("%.1f %%", 100*float64(part)/float64(whole))
}
