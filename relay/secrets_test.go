package relay

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

// Whoever reads the log, or what is kept of bans, learns who was there and from where, and nothing that lets in, opens or
// resumes.
func TestLogHasNoSecrets(t *testing.T) {
	t.Parallel()
	const token, wrong = "aaaaaaaaaaaa-secret", "bbbbbbbbbbbb-secret"
	dir := t.TempDir()
	file := filepath.Join(dir, "tokens")
	if err := os.WriteFile(file, []byte(token+" right=kick right=ban right=mute\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	log := valve{open: make(chan struct{})}
	close(log.open)
	handler := slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})
	s := startServer(t, Config{StateDir: dir, TokenFile: file, Log: slog.New(handler), HoldTime: 100 * time.Millisecond})

	fresh, attempt := bytes.Repeat([]byte{0xf1}, netproto.FreshSize), bytes.Repeat([]byte{0xa7}, netproto.AttemptSize)
	enter := func(token, more string) *tipClient {
		c := dialTLS(t, s, &tls.Config{})
		c.send(fmt.Sprintf(`{"KEY": 2, "NAME": "Ann", "VOICE": 1, "TOKEN": %q, "FRESH": %q%s}`,
			token, base64.StdEncoding.EncodeToString(fresh), more))
		return c
	}
	enter(wrong, "").refused("does not know that token")
	ann := enter(token, fmt.Sprintf(`, "ATTEMPT": %q`, base64.StdEncoding.EncodeToString(attempt)))
	var session, media map[string]any
	for session == nil || media == nil { // the key comes with the list or after it, and so before or after the session
		switch p := ann.any(); {
		case p["KEY"] == 6.0:
			session = p
		case p["MEDIA_KEY"] != nil:
			media = p
		}
	}
	hop := netproto.HopKey(key32(t, session["HOP_KEY"]))
	resume := session["RESUME"].(string)
	proof := base64.StdEncoding.EncodeToString(hop.ResumeProof(resume))
	again := enter(token, fmt.Sprintf(`, "RESUME": %q, "PROOF": %q`, resume, proof))
	renewed := again.until(6)
	again.send(fmt.Sprintf(`{"KEY": 4, "SESSION": %d, "MUTE": 60, "REASON": "noise\ntime=now level=ERROR msg=forged\nban 0.0.0.0/0 2099-01-01T00:00:00Z"}`, id(renewed)))
	again.until(0)
	if err := s.Reload(); err != nil {
		t.Fatal(err)
	}
	again.send(`{"KEY": 99, "TOKEN": "` + token + `"}`)
	again.until(1)
	_ = again.conn.Close()
	within(t, "the log says that the session has left", func() bool { return strings.Contains(log.String(), "msg=left") })
	within(t, "the mute is kept", func() bool {
		kept, _ := filepath.Glob(dir + "/sanctions-*")
		return len(kept) == 1
	})
	kept, _ := filepath.Glob(dir + "/sanctions-*")
	text, err := os.ReadFile(kept[0])
	if err != nil {
		t.Fatal(err)
	}
	written := log.String() + string(text)
	for _, has := range []string{"msg=joined", "name=Ann", "msg=resumed", "msg=muted", "msg=moderated", "mute token:"} {
		if !strings.Contains(written, has) {
			t.Fatalf("no %q in %s", has, written)
		}
	}
	for line := range strings.Lines(log.String()) {
		if !strings.HasPrefix(line, "time=20") {
			t.Errorf("somebody has written into the log: %s", line)
		}
	}
	if n := strings.Count(string(text), "\n"); n != 2 {
		t.Errorf("%d lines in %s", n, text)
	}
	secrets := map[string]string{
		"token": token, "wrong token": wrong, "RESUME": resume, "new RESUME": renewed["RESUME"].(string), "PROOF": proof,
		"HOP_KEY": session["HOP_KEY"].(string), "MEDIA_KEY": media["MEDIA_KEY"].(string), "FRESH": base64.StdEncoding.EncodeToString(fresh),
		"ATTEMPT": base64.StdEncoding.EncodeToString(attempt),
	}
	for name, secret := range secrets {
		raw, err := base64.StdEncoding.DecodeString(secret)
		if strings.Contains(written, secret) || err == nil && (strings.Contains(written, string(raw)) || strings.Contains(written, fmt.Sprintf("%x", raw))) {
			t.Errorf("%s is written", name)
		}
	}
}
