package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/tincan-voice/tincan/audio"
	"github.com/tincan-voice/tincan/relay"
)

const precious = "what was there before"

// file makes a file with that text.
func file(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func writeWAV(t *testing.T, path string, pcm []float32) {
	t.Helper()
	w, err := audio.CreateWAV(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Write(pcm), w.Close()); err != nil {
		t.Fatal(err)
	}
}

func textOf(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// deadRelay is the address of a port that refuses.
func deadRelay(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// startTestRelay runs a relay until the test ends.
func startTestRelay(t *testing.T) (address string) {
	server, err := relay.Listen(relay.Config{Addr: netip.MustParseAddrPort("127.0.0.1:0"), StateDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := server.Serve(context.Background()); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		server.Close()
		wg.Wait()
	})
	return server.Addr().String()
}

func TestOutputIsNeverDestroyed(t *testing.T) {
	dir := t.TempDir()
	in, _ := labSpeech(t)
	speech := textOf(t, in)
	old := file(t, filepath.Join(dir, "old.wav"), precious)
	empty := file(t, filepath.Join(dir, "empty.wav"), "")
	fresh := filepath.Join(dir, "fresh.wav")
	link := filepath.Join(dir, "link.wav")
	if err := os.Link(in, link); err != nil {
		t.Fatal(err)
	}
	report := filepath.Join(dir, "report")
	if err := os.Mkdir(report, 0o755); err != nil {
		t.Fatal(err)
	}
	baseline := file(t, filepath.Join(dir, "old.json"), precious)
	notes := file(t, filepath.Join(dir, "notes"), precious)
	page := file(t, filepath.Join(report, "index.html"), precious)
	live, dead, known := startTestRelay(t), deadRelay(t), filepath.Join(dir, "known")
	join := func(relay string, args ...string) []string {
		return append([]string{"join", relay, "--name", "Ann", "--known-relays", known, "--for", "100ms"}, args...)
	}
	lab := []string{"lab", "run", "--network", "lan", "--speech", in}
	short := []string{"lab", "report", "--speech", in, "--seconds", "1", "--seeds", "1", "--network", "lan"}
	for _, tt := range []struct {
		args []string
		code int
		says string
	}{
		{join(dead, "--in", "none", "--out", old), 1, "--overwrite"},
		{join(dead, "--in", "none", "--out", old, "--overwrite"), 1, "cannot reach"},
		{join(dead, "--in", "none", "--out", fresh), 1, "cannot reach"},
		{join(live, "--in", "none", "--out", old), 1, "--overwrite"},
		{join(dead, "--in", in, "--out", in, "--overwrite"), 2, "the input"},
		{join(dead, "--in", in, "--out", link, "--overwrite"), 2, "the input"},
		{join(dead, "--in", "none", "--out", dir+"/no/x.wav"), 1, "make it first"},
		{join(dead, "--in", "none", "--out", in+"/x.wav"), 1, "not a directory"},
		{join(dead, "--in", filepath.Join(dir, "missing.wav"), "--out", fresh), 1, "missing.wav"},
		{append(lab, "--out", old), 1, "--overwrite"},
		{append(lab, "--out", in, "--overwrite"), 2, in},
		{append(lab, "--out", dir+"/no/x.wav"), 1, "make it first"},
		{append(short, "--out", report), 1, "--overwrite"},
		{append(short, "--out", baseline), 2, "takes a folder"},
		{append(short, "--out", notes), 1, "notes"},
		{append(short, "--out", filepath.Join(dir, "new"), "--save", baseline), 1, "--overwrite"},
	} {
		var out, errs bytes.Buffer
		code := run(t.Context(), tt.args, strings.NewReader(""), &out, &errs)
		if code != tt.code || !strings.Contains(errs.String(), tt.says) {
			t.Errorf("tincan %q: exit code %d, want %d and %q:\n%s", tt.args, code, tt.code, tt.says, &errs)
		}
		if textOf(t, old) != precious || textOf(t, baseline) != precious || textOf(t, notes) != precious || textOf(t, page) != precious || textOf(t, in) != speech {
			t.Fatalf("tincan %q destroyed something", tt.args)
		}
		if _, err := os.Stat(fresh); err == nil {
			t.Fatalf("tincan %q made %s", tt.args, fresh)
		}
	}
	for _, out := range [][]string{{fresh}, {empty}, {old, "--overwrite"}} {
		for _, args := range [][]string{join(live, "--in", "none"), lab} {
			var errs bytes.Buffer
			args = append(append(args, "--out"), out...)
			if code := run(t.Context(), args, strings.NewReader(""), new(bytes.Buffer), &errs); code != 0 {
				t.Errorf("tincan %q: exit code %d: %s", args, code, &errs)
			}
			if pcm, err := audio.ReadWAV(out[0]); err != nil || len(pcm) == 0 {
				t.Errorf("tincan %q: %d samples, %v", args, len(pcm), err)
			}
			if err := os.Truncate(out[0], 0); err != nil { // so that the next may write it
				t.Fatal(err)
			}
		}
	}
}

func TestCommandLinesThatMakeNoSense(t *testing.T) {
	for _, args := range []string{
		"", "nonsense", "join", "join host", "join host --name Ann --for=-5s", "join host --name Ann --for soon",
		"join host:0 --name Ann", "join host:x --name Ann", "join fe80::1% --name Ann", "join a:b:c --name Ann",
		"join host --name Ann --cap 99999999999", "join host --name Ann --cap=-1", "join host --name Ann --cap 3", "join host --name Ann --cap x",
		"join host --name Ann --stride 9", "join host --name Ann --stride=-1", "join host --name Ann --copies 0", "join host --name Ann --copies 99",
		"join host --name Ann --bitrate fast", "join host --name Ann --bitrate 3", "join host --name Ann --bitrate 65", "join host --name Ann --room aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		"join host --name Ann --out heard.mp3", "join host --name aaaaaaaaaaaaaaaaaaaaaaaa", "join host --name Ann surplus",
		"lab proxy --to=", "lab proxy --to host:x", "lab proxy --to host --listen nonsense", "lab proxy --to host --listen host:x", "lab run", "lab report --seconds 0",
		"swarm host:x", "swarm host --for=-1s", "swarm host --talkers=-1", "swarm host --size 1", "swarm host --probe 1ms", "swarm host --noise 99999999999",
		"devices surplus", "version surplus",
	} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), strings.Fields(args), strings.NewReader(""), &out, &errs); code != 2 || !strings.Contains(errs.String(), "Try: tincan --help") {
			t.Errorf("tincan %s: exit code %d: %s", args, code, &errs)
		}
	}
}

func TestVersion(t *testing.T) {
	for _, arg := range []string{"version", "--version"} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), []string{arg}, nil, &out, &errs); code != 0 || !strings.HasPrefix(out.String(), "tincan "+version+"\nlibopus ") {
			t.Errorf("%s: exit code %d, %q%q", arg, code, &out, &errs)
		}
	}
}
