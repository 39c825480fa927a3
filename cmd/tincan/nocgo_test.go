//go:build !cgo && !gopus

package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
)

// Without cgo there are no sound cards and no Opus: what needs them says so, and is no fault of the command line.
func TestWithoutCgo(t *testing.T) {
	for _, tt := range []struct {
		args string
		code int
		says string // in standard output, or in the error
	}{
		{"devices", 1, "without PortAudio"},
		{"join 127.0.0.1:1 -n Ann --in none --out none", 1, "without libopus"},
		{"lab run --network lan", 1, "without libopus"},
		{"lab report --quick --out " + filepath.Join(t.TempDir(), "r"), 1, "without libopus"},
		{"lab presets", 0, "bufferbloat"},
		{"join 127.0.0.1:1 -n Ann --stride 99", 2, "Try: tincan --help"},
	} {
		var out, errs bytes.Buffer
		code := run(t.Context(), strings.Fields(tt.args), strings.NewReader(""), &out, &errs)
		if code != tt.code || !strings.Contains(out.String()+errs.String(), tt.says) {
			t.Errorf("%s: %d, want %d\n%s%s", tt.args, code, tt.code, &out, &errs)
		}
		if tt.code == 1 && (!strings.Contains(errs.String(), "CGO_ENABLED=1") || strings.Contains(errs.String(), "--help")) {
			t.Errorf("%s: %s", tt.args, &errs)
		}
	}
}
