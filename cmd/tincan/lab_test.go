package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tincan-voice/tincan/audio"
	"github.com/tincan-voice/tincan/internal/lab"
	"github.com/tincan-voice/tincan/internal/synth"
)

// labCommand runs tincan lab with the arguments.
func labCommand(t *testing.T, args ...string) (code int, out, errOut string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(context.Background(), append([]string{"lab"}, args...), strings.NewReader(""), &o, &e)
	return code, o.String(), e.String()
}

func labFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func labSpeech(t *testing.T) (string, []float32) {
	t.Helper()
	speech := synth.Speech(2*audio.SampleRate, 1)
	path := filepath.Join(t.TempDir(), "speech.wav")
	writeWAV(t, path, speech)
	return path, speech
}

func TestLabRun(t *testing.T) {
	in, speech := labSpeech(t)
	heard := filepath.Join(t.TempDir(), "heard.wav")
	trace := labFile(t, "trace.csv", "seq,send_ms,arrive_ms\n0,0,50\n1,20,70\n2,40,-1\n3,60,110\n")
	code, out, errOut := labCommand(t, "run", "--speech", in, "--trace", trace, "--return-trace", trace, "--where", "up",
		"--bitrate", "16k", "--stride", "1", "--copies", "1,3", "--out", heard, "--json")
	if code != 0 {
		t.Fatalf("exit %d: %s", code, errOut)
	}
	var f lab.Figures
	d := json.NewDecoder(strings.NewReader(out))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		t.Fatal(err)
	}
	if s := f.Setting; s.Network != "trace" || s.Bitrate != 16000 || len(s.Copies) != 2 || s.Where != lab.Up || s.Seconds != 2 {
		t.Errorf("setting %+v", s)
	}
	if f.Speech.Redundancy < 10 || f.Network.LossPct < 20 {
		t.Errorf("%+v %+v", f.Network, f.Speech)
	}
	pcm, err := audio.ReadWAV(heard)
	if err != nil || len(pcm) <= len(speech) {
		t.Errorf("%d samples heard, %d said, %v", len(pcm), len(speech), err)
	}
	if code, out, errOut := labCommand(t, "run", "--speech", in, "--network", "lan"); code != 0 || !strings.Contains(out, "quality") {
		t.Errorf("exit %d: %s%s", code, out, errOut)
	}
}

// What ships is what runs unless it is asked otherwise.
func TestLabRunSendsAsTincanJoinDoes(t *testing.T) {
	in, _ := labSpeech(t)
	for _, c := range []struct {
		flags    []string
		adaptive bool
		stride   int
		dtx      bool
	}{
		{nil, true, 0, true},
		{[]string{"--adaptive", "--cap", "24"}, true, 0, true},
		{[]string{"--no-adaptive", "--no-dtx"}, false, 1, false},
		{[]string{"--stride", "2"}, false, 2, true},
		{[]string{"--copies", "1"}, false, 1, true},
		{[]string{"--fec"}, false, 1, true},
	} {
		code, out, errOut := labCommand(t, append([]string{"run", "--speech", in, "--network", "lan", "--json"}, c.flags...)...)
		var f lab.Figures
		if err := json.Unmarshal([]byte(out), &f); code != 0 || err != nil {
			t.Fatalf("%v: exit %d: %s %v", c.flags, code, errOut, err)
		}
		if s := f.Setting; s.Adapts != c.adaptive || s.Stride != c.stride || s.DTX != c.dtx || len(f.Adaptation) > 0 != c.adaptive {
			t.Errorf("%v: %+v, %d decisions", c.flags, s, len(f.Adaptation))
		}
	}
	_, out, _ := labCommand(t, "run", "--speech", in, "--network", "lan")
	if !strings.Contains(out, "tincan's: adapts") {
		t.Errorf("the sender is not named:\n%s", out)
	}
}

func TestLabRunComplains(t *testing.T) {
	bad := labFile(t, "bad.csv", "0,0,5\n1,20\n")
	named := labFile(t, "trace.wav", "0,0,5\n")
	empty := labFile(t, "empty.wav", "")
	lan := func(flags ...string) []string { return append([]string{"run", "--network", "lan"}, flags...) }
	for _, c := range []struct {
		code int // 2: the command line makes no sense
		want string
		args []string
	}{
		{1, "bad.csv: bad trace: line 2", []string{"run", "--trace", bad}},
		{1, "empty.wav", lan("--speech", empty)},
		{1, "bad.csv: no such", []string{"run", "--trace", filepath.Join(t.TempDir(), "bad.csv")}},
		{2, "there are lan, lte", []string{"run", "--network", "nowhere"}},
		{2, "there are lan, lte", []string{"run", "--network", ""}},
		{2, "can't be used together", lan("--trace", bad)},
		{2, "--network or --trace", []string{"run"}},
		{2, "bitrate", lan("--bitrate", "1")},
		{2, "stride", lan("--stride", "9")},
		{2, "stride", lan("--stride=-1")},
		{2, "offset of 0", lan("--copies", "0")},
		{2, "cap", lan("--cap", "3")},
		{2, "cap", lan("--cap=-24")},
		{2, "cap", lan("--cap", "99999999999")},
		{2, "--talkers", lan("--talkers", "0")},
		{2, "9, not 1 to 4", lan("--talkers", "9")},
		{2, "--where", lan("--where", "left")},
		{2, "--buffer", lan("--buffer", "magic")},
		{2, "goes with --trace", lan("--return-trace", bad)},
		{2, "that is the input", []string{"run", "--trace", named, "--out", named}},
		{2, "name it .wav", lan("--out", "x.txt")},
		{2, "name it .wav", lan("--out", "heard")},
		{2, "--out is empty", lan("--out", "")},
		{2, "--speech is empty", lan("--speech", "")},
		{2, "--cap is 0", lan("--cap", "0")},
		{2, "--stride is 0", lan("--stride", "0")},
		{2, "the offset of 1 datagrams twice", lan("--copies", "1,1,1")},
		{2, "--seed is given twice", lan("--seed", "1", "--seed", "2")},
		{2, "takes a folder", []string{"report", "--out", "page.html"}},
		{2, "--out is empty", []string{"report", "--out", ""}},
		{2, "name it .json", []string{"report", "--save", "x.txt"}},
		{2, "--save is empty", []string{"report", "--save", ""}},
		{2, "--compare is empty", []string{"report", "--compare", ""}},
		{1, "no-such.json", []string{"report", "--out", t.TempDir(), "--compare", "no-such.json"}},
		{2, "--trace is empty", []string{"report", "--trace", ""}},
		{2, "--network names lan twice", []string{"report", "--network", "lan,lan"}},
		{2, "--listen", []string{"proxy", "--to", "127.0.0.1:1", "--listen", ""}},
		{2, "there are lan", []string{"report", "--network", "nowhere"}},
		{2, "--seeds", []string{"report", "--seeds", "0"}},
		{2, "chooses the networks itself", []string{"report", "--quick", "--network", "lan"}},
		{2, "--quick", []string{"report", "--quick", "--save", bad}},
		{2, "--to", []string{"proxy"}},
		{2, "--to", []string{"proxy", "--to", ""}},
		{2, "--to", []string{"proxy", "--to", ":"}},
		{2, "--to", []string{"proxy", "--to", "127.0.0.1:0"}},
		{2, "--to", []string{"proxy", "--to", "127.0.0.1:99999"}},
		{2, "--listen", []string{"proxy", "--to", "127.0.0.1:1", "--listen", "here"}},
		{2, "there are lan", []string{"proxy", "--to", "127.0.0.1:1", "--network", "nowhere"}},
	} {
		if code, out, errOut := labCommand(t, c.args...); code != c.code || out != "" || !strings.Contains(errOut, c.want) {
			t.Errorf("%v: exit %d, %q, want %d and %q", c.args, code, errOut, c.code, c.want)
		}
	}
}

func TestLabReport(t *testing.T) {
	in, _ := labSpeech(t)
	dir := t.TempDir()
	baseline := filepath.Join(dir, "kept", "baseline.json")
	trace := labFile(t, "train.csv", "seq,send_ms,arrive_ms\n1,0,40\n2,20,61\n3,40,-1\n4,60,99\n")
	args := []string{"report", "--speech", in, "--seconds", "3", "--seeds", "1", "--network", "wifi", "--trace", trace}
	code, _, errOut := labCommand(t, append(args, "--out", filepath.Join(dir, "a"), "--save", baseline)...)
	if code != 0 {
		t.Fatalf("exit %d: %s", code, errOut)
	}
	for _, name := range []string{"index.html", "table.md", "figures.json"} {
		if _, err := os.Stat(filepath.Join(dir, "a", name)); err != nil {
			t.Error(err)
		}
	}
	table, err := os.ReadFile(filepath.Join(dir, "a", "table.md"))
	if err != nil || !strings.Contains(string(table), "| recorded train | tincan, up |") {
		t.Errorf("the recording is not in the table, error %v", err)
	}
	compare := append(args, "--out", filepath.Join(dir, "b"), "--compare", baseline)
	if code, out, errOut := labCommand(t, compare...); code != 0 || !strings.Contains(out, "none is worse") {
		t.Errorf("against itself: exit %d, %s%s", code, out, errOut)
	}
	text, err := os.ReadFile(baseline)
	if err != nil {
		t.Fatal(err)
	}
	better := strings.Replace(string(text), `"cq": `, `"cq": 1`, 2) // the tolerance and one row
	if err := os.WriteFile(baseline, []byte(better), 0o644); err != nil {
		t.Fatal(err)
	}
	// A tolerance of 10.1 forgives all.
	if code, out, _ := labCommand(t, compare...); code != 0 {
		t.Errorf("exit %d: %s", code, out)
	}
	if err := os.WriteFile(baseline, []byte(strings.Replace(better, `"cq": 10.1`, `"cq": 0.1`, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	if code, out, errOut := labCommand(t, compare...); code != 1 || !strings.Contains(out, "worse: recorded train/") || !strings.Contains(errOut, "worse than the baseline") {
		t.Errorf("exit %d, %s%s", code, out, errOut)
	}
}

func TestLabPresets(t *testing.T) {
	if code, out, _ := labCommand(t, "presets"); code != 0 || !strings.Contains(out, "satellite") {
		t.Errorf("exit %d: %s", code, out)
	}
}

func TestLabProxy(t *testing.T) {
	relay, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer relay.Close()
	ctx, cancel := context.WithCancel(context.Background())
	r, w := io.Pipe()
	ended := make(chan int)
	go func() {
		code := run(ctx, []string{"lab", "proxy", "--to", relay.LocalAddr().String(), "--network", "lan"}, strings.NewReader(""), w, io.Discard)
		w.Close()
		ended <- code
	}()
	line := make([]byte, 500)
	n, err := r.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(string(line[:n])) // network "lan" listens on ADDR, TCP ...
	c, err := net.Dial("udp", strings.TrimSuffix(words[4], ","))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.Write([]byte("hello"))
	if n, _, err := relay.ReadFrom(line); err != nil || string(line[:n]) != "hello" {
		t.Errorf("%q, %v", line[:n], err)
	}
	cancel()
	rest, _ := io.ReadAll(r)
	if code := <-ended; code != 0 || !strings.Contains(string(rest), "up: 1 datagrams, 0 lost") {
		t.Errorf("exit %d, %s", code, rest)
	}
}
