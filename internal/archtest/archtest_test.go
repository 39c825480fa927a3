// Package archtest holds the rules of the house that a compiler does not know: every
// package says what it is for, files stay small, and imports point down only.
package archtest

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	root     = "../.."
	module   = "github.com/tincan-voice/tincan/"
	maxLines = 600
)

// layers lists, for each package that has a rule, the packages of the house it may
// import. The linters check the same for foreign packages (see .golangci.yml).
var layers = map[string][]string{
	"netproto":               {"netproto/wire"},
	"netproto/wire":          {},
	"jitter":                 {"netproto/wire", "internal/emodel"},
	"codec":                  {},
	"codec/opus":             {"codec"},
	"audio":                  {},
	"audio/device":           {"audio"},
	"audio/clean":            {"audio", "audio/clean/apm", "codec"},
	"audio/clean/apm":        {},
	"internal/netsim":        {"netproto/wire"},
	"internal/udpio":         {},
	"internal/emodel":        {},
	"internal/estimate":      {"netproto", "netproto/wire"},
	"internal/repair":        {"internal/emodel", "internal/estimate", "netproto", "netproto/wire"},
	"internal/address":       {"netproto"},
	"invite":                 {"netproto", "internal/address"},
	"internal/relay/origin":  {},
	"internal/relay/rate":    {"internal/relay/origin"},
	"internal/relay/access":  {"netproto", "internal/relay/origin"},
	"internal/relay/mend":    {"netproto", "netproto/wire", "internal/repair", "internal/estimate"},
	"internal/relay/forward": {"internal/relay/mend", "internal/relay/rate", "internal/relay/origin", "netproto", "netproto/wire"},
	"internal/relay/rooms":   {"internal/relay/forward", "internal/relay/mend", "netproto", "netproto/wire"},
	"internal/relay/cluster": {"internal/relay/rooms", "internal/relay/forward", "netproto"},
	"internal/mesh":          {"relay"},
	"relay":                  {"internal/relay/cluster", "internal/relay/rooms", "internal/relay/forward", "internal/relay/rate", "internal/relay/origin", "internal/relay/access", "netproto", "internal/udpio", "internal/console", "internal/address", "internal/web/site"},
	"internal/web/site":      {},
	"stream":                 {"netproto", "netproto/wire", "internal/repair", "internal/estimate"},
	"engine/adapt":           {"codec", "internal/emodel", "internal/repair", "internal/estimate", "netproto", "netproto/wire"},
	"engine":                 {"stream", "netproto", "netproto/wire", "codec", "codec/opus", "jitter", "audio", "engine/adapt", "internal/address", "invite", "internal/repair", "internal/estimate"},
	"record":                 {"engine", "audio", "codec", "codec/opus", "netproto/wire"},
	"internal/verdict":       {"engine", "stream"},
	"internal/tip":           {"engine", "audio", "netproto"},
	"internal/screen":        {"engine", "stream", "codec", "netproto", "internal/emodel", "invite"},
	"internal/guard":         {},
	"internal/web/client":    {"engine", "audio", "netproto", "netproto/wire", "internal/verdict", "internal/web/lead"},
	"internal/web/lead":      {},
	"internal/web/bundle":    {},
	"cmd/tincand":            {"internal/mesh", "relay", "netproto", "internal/console", "internal/usage", "internal/web"},
}

// sources are the Go files that are not tests, by folder relative to the root.
func sources(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && d.Name() != ".." || d.Name() == "testdata" || d.Name() == "build") {
			if path != root {
				return filepath.SkipDir
			}
		}
		if strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
			dir, err := filepath.Rel(root, filepath.Dir(path))
			if err != nil {
				return err
			}
			found[filepath.ToSlash(dir)] = append(found[filepath.ToSlash(dir)], path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 {
		t.Fatal("no Go files found: the test looks in the wrong place")
	}
	return found
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	for dir, files := range sources(t) {
		docs := 0
		for _, path := range files {
			f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.PackageClauseOnly)
			if err != nil {
				t.Fatal(err)
			}
			if f.Doc != nil && strings.TrimSpace(f.Doc.Text()) != "" {
				docs++
			}
		}
		if docs != 1 {
			t.Errorf("%s has %d package comments, want exactly one", dir, docs)
		}
	}
}

func TestFilesStaySmall(t *testing.T) {
	for _, files := range sources(t) {
		for _, path := range files {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(string(text), "\n"); n > maxLines {
				t.Errorf("%s has %d lines, want at most %d: one idea each", path, n, maxLines)
			}
		}
	}
}

func TestImportsPointDown(t *testing.T) {
	for dir, files := range sources(t) {
		allowed, ruled := layers[dir]
		for _, path := range files {
			f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
			if err != nil {
				t.Fatal(err)
			}
			for _, spec := range f.Imports {
				imported, ours := strings.CutPrefix(strings.Trim(spec.Path.Value, `"`), module)
				if !ours {
					continue
				}
				if strings.HasPrefix(imported, "cmd/") {
					t.Errorf("%s imports %s: nobody imports cmd", path, imported)
				}
				if ruled && !slices.Contains(allowed, imported) {
					t.Errorf("%s imports %s: %s may import only %v", path, imported, dir, allowed)
				}
			}
		}
	}
}
