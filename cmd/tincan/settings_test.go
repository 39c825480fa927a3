package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// An option goes before an environment variable, and that before the file.
func TestSettings(t *testing.T) {
	const file = "# mine\n\n name = Ann \nbitrate=16\ncap = 64\ncopies = 1,4\nmuted = true\nknown-relays = /no/such/folder/known\n"
	for _, tt := range []struct {
		name, file, env, args string
		code                  int
		want                  string
	}{
		{"file", file, "", "join 127.0.0.1:1 --in none --out none", 1, "cannot reach"},
		{"no name", "bitrate = 16", "", "join 127.0.0.1:1 --in none --out none", 2, "no relay or no name"},
		{"environment first", file, "aaaaaaaaaaaaaaaaaaaaaaaa", "join 127.0.0.1:1 --in none --out none", 2, `name "aaaaaaaaaaaaaaaaaaaaaaaa"`},
		{"option first", file, "aaaaaaaaaaaaaaaaaaaaaaaa", "join 127.0.0.1:1 --in none --out none --name Bob", 1, "cannot reach"},
		{"nonsense in a value", "cap = x", "", "join 127.0.0.1:1 --name Ann", 2, "settings.txt, line 1"},
		{"unknown", "\nnickname = Ann", "", "join 127.0.0.1:1", 2, `tincan: settings.txt, line 2: there is no setting "nickname"`},
		{"not for all calls", "for = 5s", "", "join 127.0.0.1:1", 2, `no setting "for"`},
		{"of one room", "room = jam", "", "join 127.0.0.1:1", 2, `no setting "room"`},
		{"no setting", "name", "", "join 127.0.0.1:1", 2, "settings.txt, line 1: write OPTION = VALUE"},
		{"twice", "name = A\nname = B", "", "doctor 127.0.0.1:1", 2, "settings.txt, line 2"},
		{"serve", "name = aaaaaaaaaaaaaaaaaaaaaaaa", "", "serve", 2, `name "aaaaaaaaaaaaaaaaaaaaaaaa"`},
		{"other commands", "cap = x", "", "version", 0, ""},
		{"other commands, unknown", "nickname = Ann", "", "settings", 0, ""},
		{"other commands, no setting", "name", "", "version", 0, ""},
		{"help", "name", "", "join --help", 0, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("XDG_CONFIG_HOME", os.TempDir())
			if tt.env != "" {
				t.Setenv("TINCAN_NAME", tt.env)
			}
			settings := newSettings()
			settings.Parse("settings.txt", tt.file)
			var out, errs bytes.Buffer
			code := run(t.Context(), strings.Fields(tt.args), strings.NewReader(""), &out, &errs, kong.Resolvers(settings))
			if code != tt.code || !strings.Contains(errs.String(), tt.want) {
				t.Errorf("exit code %d: %s", code, &errs)
			}
		})
	}
}

// What tincan settings prints is a file of settings: as it is, and without the # before its lines.
func TestSettingsArePrinted(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", os.TempDir())
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"settings"}, nil, &out, &errs); code != 0 {
		t.Fatalf("exit code %d: %s", code, &errs)
	}
	set := 0
	for _, l := range strings.Split(strings.TrimSpace(out.String()), "\n") {
		if l != "" && l[0] != '#' {
			t.Errorf("no comment: %q", l)
		}
		if name, _, ok := strings.Cut(strings.TrimPrefix(l, "# "), " = "); ok && !strings.Contains(name, " ") {
			set++
		}
	}
	if set < 12 || !strings.Contains(out.String(), "\n# bitrate = 24\n") {
		t.Errorf("%d settings in %s", set, &out)
	}
}
