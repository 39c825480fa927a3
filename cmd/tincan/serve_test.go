package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tincan-voice/tincan/invite"
)

// Who is invited comes in, and hears the host who is there; the relay ends with the command.
func TestServe(t *testing.T) {
	for _, tt := range []struct {
		args   []string
		sealed bool
	}{
		{[]string{"--no-join"}, true},
		{[]string{"--no-join", "--unsealed"}, false},
		{[]string{"--name", "Host", "--in", "tone", "--out", "none", "--plain"}, true},
	} {
		ctx, stop := context.WithCancel(t.Context())
		dir := t.TempDir()
		t.Setenv("XDG_CONFIG_HOME", dir)
		r, w := io.Pipe()
		ended := make(chan int, 1)
		go func() {
			ended <- run(ctx, append([]string{"serve", "jam", "--port", "0", "--host", "127.0.0.1", "--state", dir}, tt.args...), strings.NewReader(""), w, io.Discard)
			w.Close()
		}()
		lines := bufio.NewScanner(r)
		if !lines.Scan() {
			t.Fatal("it printed nothing")
		}
		text := lines.Text()
		hosts := len(tt.args) > 2
		for hosts && lines.Scan() && !strings.Contains(lines.Text(), "joined room jam") {
		}
		go func() { _, _ = io.Copy(io.Discard, r) }()
		if link, err := invite.Parse(text); err != nil || (link.Passphrase != "") != tt.sealed || link.Room != "jam" {
			t.Errorf("%v: %q: %+v, %v", tt.args, text, link, err)
		}
		var heard strings.Builder
		join := []string{"join", text, "--name", "Guest", "--in", "none", "--out", "none", "--for", "2s", "--known-relays", filepath.Join(dir, "known")}
		if code := run(t.Context(), join, strings.NewReader(""), &heard, io.Discard); code != 0 || !strings.Contains(heard.String(), "joined room jam") {
			t.Errorf("%v: code %d:\n%s", tt.args, code, heard.String())
		}
		if hosts != strings.Contains(heard.String(), "Host is here") {
			t.Errorf("%v:\n%s", tt.args, heard.String())
		}
		stop()
		if code := <-ended; code != 0 {
			t.Errorf("%v: code %d", tt.args, code)
		}
	}
	for _, args := range [][]string{{"serve"}, {"serve", "--name", strings.Repeat("x", 20)}, {"serve", "a\x00b", "--no-join"}, {"serve", "--no-join", "--port", "0", "--host", "a b"}, {"serve", "--no-join", "--for", "-1s"}} {
		var said strings.Builder
		if code := run(t.Context(), args, strings.NewReader(""), io.Discard, &said); code != 2 || said.Len() == 0 {
			t.Errorf("%q: code %d, %s", args, code, said.String())
		}
	}
}

// An invitation never leads guests to themselves.
func TestLocalAddress(t *testing.T) {
	if host := localAddress(); host == "127.0.0.1" || host == "::1" {
		t.Errorf("guests are led to %s, which is themselves", host)
	}
}

// For programs every line is an object, the invitation the first of them; a time ends it.
func TestServeForPrograms(t *testing.T) {
	for _, args := range [][]string{{"--no-join"}, {"--name", "Host", "--in", "none", "--out", "none"}} {
		dir := t.TempDir()
		t.Setenv("XDG_CONFIG_HOME", dir)
		var said strings.Builder
		args = append([]string{"serve", "jam", "--port", "0", "--host", "127.0.0.1", "--state", dir, "--json", "--for", "1s"}, args...)
		if code := run(t.Context(), args, strings.NewReader(""), &said, io.Discard); code != 0 {
			t.Errorf("%v: code %d:\n%s", args, code, said.String())
		}
		for i, line := range strings.Split(strings.TrimSpace(said.String()), "\n") {
			var l jsonLine
			if err := json.Unmarshal([]byte(line), &l); err != nil {
				t.Errorf("%q: %v", line, err)
			}
			if link, err := invite.Parse(l.Text); i == 0 && (l.Event != "invitation" || err != nil || link.Room != "jam") {
				t.Errorf("%q: %v", line, err)
			}
		}
	}
}
