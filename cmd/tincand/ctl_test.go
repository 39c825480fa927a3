package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// startIn is start in a folder whose name is short enough for a socket, and with other flags.
func startIn(t *testing.T, change func(f *flags)) (p *program, dir string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "ctl")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	f := flags{Port: "0", Host: "127.0.0.1", State: dir}
	if change != nil {
		change(&f)
	}
	return startWith(t, f), dir
}

func TestCtl(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("sockets have no modes there")
	}
	p, dir := startIn(t, nil)
	port, err := strconv.ParseUint(p.port, 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(command ...string) (string, error) {
		var out bytes.Buffer
		err := ctlFlags{Port: uint16(port), State: dir, Command: command}.run(context.Background(), &out)
		return out.String(), err
	}
	if s, err := os.Stat(ctlFile(dir, uint16(port))); err != nil || s.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", s.Mode(), err)
	}
	conn := join(t, p.port, "Adam", "kitchen")
	for _, tt := range []struct{ command, want, wrong string }{
		{"list", "Adam", ""},
		{"rooms", "1        kitchen\n", ""},
		{"who kitchen", "Adam", ""},
		{"WHO Adam", "kitchen", ""},
		{"who Eve", "", `"Eve"`},
		{"stats", "sessions                    1\n", ""},
		{"reload", "done\n", ""},
		{"kick 77", "", "no session 77"},
		{"dance", "", `unknown command "DANCE"`},
		{"profile 0", "", "up to 60 s"},
		{"profile 61", "", "up to 60 s"},
		{strings.Repeat("x", mostCommand), "", "one line"},
	} {
		out, err := ask(strings.Fields(tt.command)...)
		if !strings.Contains(out, tt.want) || (err != nil) != (tt.wrong != "") || err != nil && !strings.Contains(err.Error(), tt.wrong) {
			t.Errorf("%.20s: %q, %v", tt.command, out, err)
		}
	}
	taken, err := ask("profile", "1")
	if err != nil || !strings.HasPrefix(taken, "\x1f\x8b") { // gzip, as pprof reads
		t.Errorf("%.20q, %v", taken, err)
	}
	if out, err := ask("stop"); err != nil || out != "stopping\n" {
		t.Errorf("%q, %v", out, err)
	}
	p.wait(t)
	_ = conn.Close()
	if _, err := ask("list"); err == nil || !strings.Contains(err.Error(), "--port") {
		t.Errorf("%v", err)
	}
}

// Settings come from a file, and what can change while the relay runs does.
func TestSettingsAreReloaded(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "settings")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{"--config", file, "--state", dir}
	again := func() (flags, error) {
		c, _, _, err := parse(args, nil, nil)
		return c.Serve, err
	}
	write("port = 0\nhost = 127.0.0.1\ntalkers = 2\n")
	f, err := again()
	if err != nil || f.Talkers != 2 || f.PortLine != "0" {
		t.Fatalf("%+v, %v", f, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	lines, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	defer lines.Close()
	var out, log output
	end := make(chan error)
	go func() { end <- run(ctx, f, again, "", lines, &out, &log) }()
	out.wait(t, "listens on")
	write("port = 0\nhost = 127.0.0.1\ntalkers = 3\nlog-level = debug\nlog-json = maybe\n")
	say := func(command string) { _, _ = in.WriteString(command + "\n") }
	say("reload")
	out.wait(t, `nothing is reloaded: .*line 5`)
	write("port = 0\nhost = 127.0.0.1\ntalkers = -5\nlog-level = debug\n")
	say("reload")
	out.wait(t, `nothing is reloaded: .*--talkers`)
	write("port = 0\nhost = 127.0.0.1\ntalkers = 2\nlog-level = debug\n")
	say("reload")
	out.wait(t, "done")
	if strings.Contains(log.String(), "started anew") {
		t.Errorf("%s", log.String())
	}
	_ = join(t, out.wait(t, `127\.0\.0\.1:(\d+)`)[1], "Ann", "").Close()
	log.wait(t, "msg=joined")
	if strings.Contains(log.String(), "127.0.0.1:") {
		t.Errorf("an address: %s", log.String())
	}
	write("port = 0\nhost = 127.0.0.1\ntalkers = 3\nlog-level = debug\n")
	say("reload")
	log.wait(t, "started anew")
	cancel()
	if err := <-end; err != nil {
		t.Error(err)
	}
}

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	tokens := filepath.Join(dir, "tokens")
	if err := os.WriteFile(tokens, []byte("short\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args string
		code int
		want string
	}{
		{"7 --check", 0, "port 7"},
		{"7 --check --cert none.pem --key none.pem", 1, "none.pem"},
		{"7 --check --token-file " + tokens, 1, tokens},
		{"7 --check --config none", 2, "none"},
		{"7 --check --talkers -2", 2, "--talkers"},
		{"7 --check --metrics foo", 2, "--metrics"},
		{"settings", 0, "\n# talkers = N\n"},
	} {
		args := strings.Fields(tt.args)
		if args[0] != "settings" {
			args = append(args, "--state", dir)
		}
		var out output
		if code := execute(args, "", strings.NewReader(""), &out, &out); code != tt.code || !strings.Contains(out.String(), tt.want) {
			t.Errorf("%s: exit code %d: %s", tt.args, code, out.String())
		}
	}
}
