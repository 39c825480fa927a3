package main

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"
)

func TestBadCommandLinesNameTheCause(t *testing.T) {
	for _, c := range []struct {
		args string
		want string
	}{
		{"join", "--name"},
		{"join '' --name Ann", "<relay> is empty"},
		{"join host --name ''", "--name is empty"},
		{"join host --name Ann --room ''", "--room is empty"},
		{"join host --name Ann --in ''", "--in is empty: leave it out for the default"},
		{"join host --name Ann --out ''", "--out is empty"},
		{"join host --name Ann --for 0", "--for is 0"},
		{"join host --name Ann --for -3s", "--for"},
		{"join host --name Ann --cap 0", "--cap is 0"},
		{"join host --name Ann --stride 0", "--stride is 0"},
		{"join host --name Ann --copies 1,1,1", "--copies names 1 twice"},
		{"join host --name Ann --copies ''", "--copies"},
		{"join host --name Ann --bitrate ''", "kbit/s"},
		{"join host --name Ann --name Bob", "--name is given twice"},
		{"join host --name Ann\u200b", "U+200B, shows nothing; leave it out"},
		{"join host:x --name Ann", "port"},
		{"join host --name aaaaaaaaaaaaaaaaaaaaaaaa", "at most 19"},
		{"join host --name Ann --bitrate 3 --in none --out none", "6 to 64 kbit/s"},
		{"join host --name Ann --bitrate fast", "kbit/s"},
		{"join host --name Ann --copies 99", "1 to 16"},
		{"join host --name Ann --in none --out heard.mp3", ".wav"},
		{"join host --name Ann --in missing.wav --out none", "missing.wav"},
		{"nonsense", "nonsense"},
	} {
		args := strings.Fields(strings.ReplaceAll(c.args, "''", "\x00"))
		for i := range args {
			args[i] = strings.Trim(args[i], "\x00")
		}
		if args[0] == "join" {
			args = append(args, "--known-relays", filepath.Join(t.TempDir(), "known"))
		}
		var out, errOut bytes.Buffer
		if code := run(context.Background(), args, strings.NewReader(""), &out, &errOut); (code != 2) != strings.Contains(c.args, "missing.wav") {
			t.Errorf("%s: exit code %d", c.args, code)
		}
		if !strings.Contains(errOut.String(), c.want) {
			t.Errorf("%s: %q does not name %q", c.args, errOut.String(), c.want)
		}
	}
}

func TestSpecsOfSound(t *testing.T) {
	wav := filepath.Join(t.TempDir(), "a.WAV")
	writeWAV(t, wav, make([]float32, 480))
	for _, spec := range []string{"tone", wav} {
		src, warning, err := openSource(nil, spec)
		if err != nil || warning != "" || src == nil {
			t.Fatalf("source %s: %v, %q, %v", spec, src, warning, err)
		}
		if err := src.Close(); err != nil {
			t.Error(err)
		}
	}
	if src, _, err := openSource(nil, "none"); src != nil || err != nil {
		t.Errorf("source none: %v, %v", src, err)
	}
	if sink, err := openSink(nil, "none", false); sink != nil || err != nil {
		t.Errorf("sink none: %v, %v", sink, err)
	}
}

func TestFilesAndDevices(t *testing.T) {
	there := filepath.Join(t.TempDir(), "speech")
	writeWAV(t, there, make([]float32, 480))
	t.Chdir(filepath.Dir(there))
	for spec, want := range map[string]bool{
		"": false, "none": false, "tone": false, "default": false, "Starship/Matisse HD Audio Controller": false, "hw:0,0": false,
		"-": true, "speech": true, there: true, "./nothing": true, "/nothing": true, "a.wav": true, "a.WAVE": true, "a.oga": true, "a.mp3": true,
	} {
		if got := isFile(spec); got != want {
			t.Errorf("%q: %v, want %v", spec, got, want)
		}
	}
	for spec, want := range map[string]bool{"-": true, "/dev/null": true, "speech": false, "a.wav": false, "default": false} {
		if got := streams(spec); got != want {
			t.Errorf("%q streams: %v, want %v", spec, got, want)
		}
	}
}

func TestBitrates(t *testing.T) {
	for text, want := range map[string]bitrate{"24": 24000, "24k": 24000, "24000": 24000, "12.5": 12500} {
		var b bitrate
		if err := b.UnmarshalText([]byte(text)); err != nil || b != want {
			t.Errorf("%s: %d, %v, want %d", text, b, err, want)
		}
	}
	for _, text := range []string{"", "x", "-3", "0", "NaN", "1e99", "5.9", "65", "k", "-24", "Inf"} {
		var b bitrate
		if b.UnmarshalText([]byte(text)) == nil {
			t.Errorf("%q was taken for %d", text, b)
		}
	}
}
