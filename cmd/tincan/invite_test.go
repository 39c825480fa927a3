package main

import (
	"bytes"
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tincan-voice/tincan/invite"
	"github.com/tincan-voice/tincan/relay"
)

// invited runs tincan invite.
func invited(t *testing.T, args ...string) (code int, link, notes string) {
	t.Helper()
	var out, errOut bytes.Buffer
	args = append([]string{"invite", "--known-relays", filepath.Join(t.TempDir(), "known")}, args...)
	code = run(t.Context(), args, strings.NewReader(""), &out, &errOut)
	return code, strings.TrimSuffix(out.String(), "\n"), errOut.String()
}

// setPassphrase sets the environment variable until the end of the test; "" unsets it.
func setPassphrase(t *testing.T, phrase string) {
	t.Helper()
	t.Setenv(passphraseVar, phrase)
	if phrase == "" {
		_ = os.Unsetenv(passphraseVar)
	}
}

// An invitation names the relay that was met, and who is invited meets no other one.
func TestInvitation(t *testing.T) {
	setPassphrase(t, "")
	server, err := relay.Listen(relay.Config{Addr: netip.MustParseAddrPort("127.0.0.1:0"), StateDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx) }()
	defer func() {
		stop()
		<-served
	}()
	address := server.Addr().String()
	code, text, notes := invited(t, address, "tea & cake")
	link, err := invite.Parse(text)
	if err != nil || code != 0 || link.Address != address || link.Room != "tea & cake" || link.Fingerprint != server.Fingerprint() || len(link.Passphrase) != 22 {
		t.Fatalf("exit code %d: %s%s: %+v, %v", code, text, notes, link, err)
	}
	for _, want := range []string{"met for the first time", "machine that they are at", "sealed: "} {
		if !strings.Contains(notes, want) {
			t.Errorf("%q is not in %q", want, notes)
		}
	}
	known := filepath.Join(t.TempDir(), "known")
	joined := func(text string) (int, string) {
		var out, errOut bytes.Buffer
		code := run(t.Context(), []string{"join", text, "--name", "Ann", "--in", "none", "--out", "none", "--for", "10ms", "--known-relays", known},
			strings.NewReader(""), &out, &errOut)
		return code, out.String() + errOut.String()
	}
	if code, said := joined(text); code != 0 || !strings.Contains(said, "joined room tea & cake") || !strings.Contains(said, "as the invitation") {
		t.Errorf("exit code %d: %s", code, said)
	}
	known += "2"
	link.Fingerprint = "SHA256:" + strings.Repeat("A", 43)
	wrong, err := link.Text()
	if err != nil {
		t.Fatal(err)
	}
	if code, said := joined(wrong); code != 1 || !strings.Contains(said, "another certificate than was asked for") {
		t.Errorf("exit code %d: %s", code, said)
	}
	if _, err := os.Stat(known); err == nil {
		t.Error("a relay that was refused is remembered")
	}
}

// Who is told the fingerprint needs no relay to make a link.
func TestInviteCommandLines(t *testing.T) {
	const print = "SHA256:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
	for _, tt := range []struct {
		args       string
		code       int
		want, says string
	}{
		{"voice.example.org kitchen --unsealed --fingerprint " + print, 0, "tincan://voice.example.org/kitchen#1AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9ivy9J", "not sealed"},
		{"voice.example.org --unsealed --fingerprint verified", 0, "tincan://voice.example.org/#1lCZXgw", "not sealed"},
		{"::1 --fingerprint verified", 0, "tincan://[::1]/#1", "machine that they are at"},
		{"host --fingerprint SHA256:x", 2, "", "43 letters"},
		{"tincan://host/#1lCZXgw", 2, "", "an invitation already"},
		{"a:b:c", 2, "", "host:port"},
		{"fe80::1%eth0", 2, "", "good on one network only"},
		{"host " + strings.Repeat("a", 65), 2, "", "at most 64"},
		{"127.0.0.1:1", 1, "", "cannot reach the relay"},
	} {
		code, link, notes := invited(t, strings.Fields(tt.args)...)
		if code != tt.code || !strings.HasPrefix(link, tt.want) || (link == "") != (tt.want == "") || !strings.Contains(notes, tt.says) {
			t.Errorf("%s: exit code %d: %q, %q", tt.args, code, link, notes)
		}
	}
}

// What a link says is not said a second time.
func TestLinksOnTheCommandLine(t *testing.T) {
	_, sealed, _ := invited(t, "127.0.0.1:1", "tea", "--fingerprint", "verified")
	_, open, _ := invited(t, "127.0.0.1:1", "tea", "--fingerprint", "verified", "--unsealed")
	for _, tt := range []struct {
		link, args, phrase string
		code               int
		says               string
	}{
		{sealed, "", "", 1, "cannot reach the relay at 127.0.0.1:1"},
		{open, "", "swordfish", 1, "cannot reach the relay at 127.0.0.1:1"},
		{sealed, "", "swordfish", 2, "the link has the room's passphrase"},
		{sealed, "--passphrase-file x", "", 2, "the link has the room's passphrase"},
		{open, "--passphrase-file /none", "", 1, "no such file"},
		{sealed, "--room tea", "", 2, "leave out --room"},
		{sealed, "--fingerprint verified", "", 2, "leave out --fingerprint"},
		{sealed[:len(sealed)-1], "", "", 2, "cut off"},
	} {
		setPassphrase(t, tt.phrase)
		args := append([]string{"join", tt.link, "--name", "Ann", "--in", "none", "--out", "none", "--known-relays", filepath.Join(t.TempDir(), "known")},
			strings.Fields(tt.args)...)
		var out, errOut bytes.Buffer
		if code := run(t.Context(), args, strings.NewReader(""), &out, &errOut); code != tt.code || !strings.Contains(errOut.String(), tt.says) {
			t.Errorf("%s %s: exit code %d: %s", tt.link, tt.args, code, &errOut)
		}
	}
}
