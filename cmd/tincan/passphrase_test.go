package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A passphrase that was meant to be there is not left out, and there is one at most.
func TestPassphrase(t *testing.T) {
	file := func(text string) string {
		name := filepath.Join(t.TempDir(), "phrase")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	for _, tt := range []struct {
		name, env string // env "-": unset
		args      []string
		code      int
		want      string
	}{
		{"empty variable", "", nil, 2, "TINCAN_PASSPHRASE is empty: set it"},
		{"two", "tin", []string{"--passphrase"}, 2, "use one of"},
		{"two others", "-", []string{"--passphrase", "--passphrase-file", "x"}, 2, "use one of"},
		{"asked where speech comes from", "-", []string{"--passphrase", "--in", "-"}, 2, "which is what you say"},
		{"asked without a terminal", "-", []string{"--passphrase"}, 1, "use --passphrase-file"},
		{"no file", "-", []string{"--passphrase-file", filepath.Join(t.TempDir(), "none")}, 1, "no such file"},
		{"empty file", "-", []string{"--passphrase-file", file("\n")}, 1, "one line"},
		{"long file", "-", []string{"--passphrase-file", file("tin\ncan\n")}, 1, "one line"},
		{"a file", "-", []string{"--passphrase-file", file("tin can\r\n")}, 1, "cannot reach the relay"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv(passphraseVar, tt.env)
			if tt.env == "-" {
				_ = os.Unsetenv(passphraseVar)
			}
			args := []string{"join", "127.0.0.1:1", "--name", "Ann", "--out", "none", "--known-relays", filepath.Join(t.TempDir(), "known")}
			if !slices.Contains(tt.args, "--in") {
				args = append(args, "--in", "none")
			}
			var out, errs bytes.Buffer
			code := run(t.Context(), append(args, tt.args...), strings.NewReader(""), &out, &errs)
			if code != tt.code || !strings.Contains(errs.String(), tt.want) {
				t.Errorf("exit code %d: %s", code, &errs)
			}
		})
	}
	c := JoinCmd{PassphraseFile: file("tin can\r\n")}
	if phrase, err := c.passphrase(t.Context(), nil); phrase != "tin can" || err != nil {
		t.Errorf("%q, %v", phrase, err)
	}
}
