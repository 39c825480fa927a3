package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/engine"
	"github.com/tincan-voice/tincan/relay"
)

func TestFaultsAreTold(t *testing.T) {
	faults := []engine.Fault{
		{Kind: engine.FaultUDPStopped, On: true, Text: "you hear nobody"},
		{Kind: engine.FaultUDPStopped, Text: "it works again"},
		{Kind: engine.FaultPassphrase, On: true, Session: 7, Name: "Bob", Text: "you cannot hear Bob"},
	}
	stats := engine.Stats{Faults: []engine.FaultStats{
		{Fault: faults[1], Count: 2, Total: 7 * time.Second},
		{Fault: faults[2], Count: 1, Total: 1500 * time.Millisecond},
	}}
	var text, lines bytes.Buffer
	for _, tell := range []*teller{newTeller(&text, false), newTeller(&lines, true)} {
		for _, f := range faults {
			tell.event(f)
		}
		tell.stats(stats)
		tell.summary(stats)
		tell.close(time.Minute)
	}
	for _, want := range []string{
		"! you hear nobody\nit works again\n! you cannot hear Bob (TINCAN_PASSPHRASE)\nup 0, down 0 kbit/s, not sealed; ! passphrase (Bob)\n",
		"\n! udp_stopped: 2 times, 7 s in all\n! passphrase (Bob): once, 2 s in all\n",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is not in\n%s", want, &text)
		}
	}
	var got []map[string]any
	for dec := json.NewDecoder(&lines); ; {
		var line map[string]any
		if dec.Decode(&line) != nil {
			break
		}
		got = append(got, line)
	}
	if len(got) != 5 {
		t.Fatalf("%v", got)
	}
	for i, f := range faults {
		l := got[i]
		name, _ := l["name"].(string)
		session, _ := l["session"].(float64)
		if l["event"] != "fault" || l["kind"] != f.Kind.String() || l["on"] != f.On || name != f.Name || uint32(session) != f.Session ||
			!strings.HasPrefix(l["text"].(string), f.Text) {
			t.Errorf("%v of %+v", l, f)
		}
	}
	last := got[4]["stats"].(map[string]any)["faults"].([]any)[1].(map[string]any)
	if last["kind"] != "passphrase" || last["name"] != "Bob" || last["on"] != true || last["count"] != 1.0 || last["seconds"] != 1.5 {
		t.Errorf("%v", last)
	}
}

func TestReconnectsAreTold(t *testing.T) {
	events := []engine.Event{
		engine.PeerJoined{Session: 9, Name: "Ann"}, // another Ann
		engine.Reconnecting{Reason: "the relay is gone"},
		engine.Reconnecting{Reason: "the relay is gone", Since: 4200 * time.Millisecond, Voice: true},
		engine.Reconnected{Gap: 5250 * time.Millisecond, Session: 8},
		engine.PeerLeft{Session: 9, Name: "Ann"},
	}
	var text, lines bytes.Buffer
	for _, tell := range []*teller{newTeller(&text, false), newTeller(&lines, true)} {
		tell.we("Ann", 7)
		for _, e := range events {
			tell.event(e)
		}
		tell.stats(engine.Stats{Reconnects: 1, Away: 6 * time.Second, Reconnecting: "no relay"})
		tell.summary(engine.Stats{Reconnects: 1, Away: 6 * time.Second, Reconnecting: "no relay"})
		tell.close(time.Minute)
	}
	want := "Ann (session 9) is here\nreconnecting: the relay is gone\nreconnecting: the relay is gone (4 s); voice goes on\nback after 5.2 s\n" +
		"Ann (session 9) left\nup 0, down 0 kbit/s, not sealed; ! reconnecting: no relay\n\n"
	if got := text.String(); !strings.HasPrefix(got, want) || !strings.Contains(got, "\nreconnected once, 6.0 s in all; not at the end: no relay\n") {
		t.Errorf("%s\nwant %s", got, want)
	}
	for _, want := range []string{
		`"event":"reconnecting","on":true,"seconds":4.2,"text":"the relay is gone"`, `"event":"reconnected","on":false,"seconds":5.25,"session":8`,
		`"away_seconds":6`, `"reconnects":1`, `"reconnecting":"no relay"`,
	} {
		if !strings.Contains(sortedFields(t, &lines), want) {
			t.Errorf("%s is not in\n%s", want, &lines)
		}
	}
}

func TestPathsAreTold(t *testing.T) {
	stats := engine.Stats{Link: engine.LinkStats{Path: engine.PathTunnel, Second: "wlan0"}}
	stats.Gaps[engine.GapPath] = engine.Gap{Count: 2, Total: 2500 * time.Millisecond}
	var text, lines bytes.Buffer
	for _, tell := range []*teller{newTeller(&text, false), newTeller(&lines, true)} {
		for _, e := range []engine.Event{
			engine.PathChanged{Path: engine.PathTunnel, Reason: "UDP gets no answer"},
			engine.PathChanged{Path: engine.PathUDP},
			engine.SecondPath{Name: "wlan0", On: true},
			engine.PathChanged{Path: engine.PathAlso, Reason: "UDP gets no answer"},
			engine.SecondPath{Name: "wlan0", Reason: "wlan0 is down"},
		} {
			tell.event(e)
		}
		tell.stats(stats)
		tell.summary(stats)
		tell.close(time.Minute)
	}
	want := "voice through the TCP tunnel: UDP gets no answer\nvoice by UDP again\nsecond path wlan0 is in use\n" +
		"voice by the second path alone: UDP gets no answer\nsecond path wlan0 is lost: wlan0 is down\n" +
		"up 0, down 0 kbit/s, not sealed, through the TCP tunnel, twice: wlan0\n"
	if got := text.String(); !strings.HasPrefix(got, want) || !strings.Contains(got, "\nno voice, path changed: 2 times, 2.5 s in all\n") {
		t.Errorf("%s\nwant %s", got, want)
	}
	for _, want := range []string{
		`"event":"path","kind":"tunnel","text":"UDP gets no answer"`, `"event":"path","kind":"udp"`,
		`"event":"second_path","name":"wlan0","on":true`, `"event":"second_path","name":"wlan0","on":false,"text":"wlan0 is down"`,
		`"gaps":{"path changed":{"count":2,"seconds":2.5}}`, `"path":"tunnel"`, `"second":"wlan0"`,
	} {
		if !strings.Contains(sortedFields(t, &lines), want) {
			t.Errorf("%s is not in\n%s", want, &lines)
		}
	}
}

// sortedFields are JSON lines without their times, fields by name.
func sortedFields(t *testing.T, lines *bytes.Buffer) string {
	t.Helper()
	var out strings.Builder
	for _, line := range strings.Split(strings.TrimSpace(lines.String()), "\n") {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatal(err)
		}
		delete(fields, "time")
		b, err := json.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(append(b, '\n'))
	}
	return out.String()
}

// A user whose network lets TCP through alone is told so by the program.
func TestJoinSaysThatUDPIsBlocked(t *testing.T) {
	server, err := relay.Listen(relay.Config{Addr: netip.MustParseAddrPort("127.0.0.1:0"), StateDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	defer work.Wait()
	work.Go(func() { _ = server.Serve(context.Background()) })
	defer server.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	work.Go(func() {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		target, err := net.Dial("tcp", server.Addr().String())
		if err != nil {
			client.Close()
			return
		}
		work.Go(func() { _, _ = io.Copy(target, client); target.Close() })
		_, _ = io.Copy(client, target)
		client.Close()
	})
	// It leaves when the fault has been said.
	ctx, leave := context.WithTimeout(t.Context(), time.Minute)
	defer leave()
	said := &watcher{what: `"kind":"no_udp"`, seen: leave}
	args := []string{"join", listener.Addr().String(), "--name", "Ann", "--in", "tone", "--out", "none", "--json", "--known-relays", filepath.Join(t.TempDir(), "known")}
	var errs bytes.Buffer
	run(ctx, args, strings.NewReader(""), said, &errs)
	if !strings.Contains(said.text.String(), `"event":"fault"`) || !strings.Contains(said.text.String(), "open UDP as well as TCP") {
		t.Errorf("said:\n%s%s", &said.text, &errs)
	}
}

// watcher keeps what is written and tells when something is in it.
type watcher struct {
	text bytes.Buffer
	what string
	seen func()
}

func (w *watcher) Write(p []byte) (int, error) {
	w.text.Write(p)
	if bytes.Contains(p, []byte(w.what)) {
		w.seen()
	}
	return len(p), nil
}

// Every line of statistics says whether the relay can listen, and who has another passphrase.
func TestSealedIsTold(t *testing.T) {
	var text, lines bytes.Buffer
	for _, tell := range []*teller{newTeller(&text, false), newTeller(&lines, true)} {
		tell.event(engine.PeerJoined{Session: 3, Name: "Eve", Foreign: true})
		tell.stats(engine.Stats{Sealed: true, Peers: []engine.PeerStats{{Session: 2, Name: "Bob"}, {Session: 3, Name: "Eve", Foreign: true}}})
		tell.stats(engine.Stats{})
		tell.close(time.Minute)
	}
	want := "Eve is here with another passphrase, or without: you do not hear each other\n" +
		"up 0, down 0 kbit/s, sealed; Eve: another passphrase, or none\nup 0, down 0 kbit/s, not sealed\n"
	if text.String() != want {
		t.Errorf("%s\nwant %s", &text, want)
	}
	for _, want := range []string{`"sealed":true`, `"sealed":false`, `"name":"Eve","foreign":true`} {
		if !strings.Contains(lines.String(), want) {
			t.Errorf("%s is not in\n%s", want, &lines)
		}
	}
}
