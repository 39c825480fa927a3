package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// sansIO are the packages that get the time as an argument and leave goroutines, sockets, files and logs to others.
var sansIO = []string{
	"netproto", "netproto/wire", "codec", "jitter", "stream", "engine/adapt", "invite", "internal/emodel", "internal/verdict", "internal/netsim", "internal/repair", "internal/estimate",
	"internal/relay/mend", "internal/relay/forward", "internal/relay/rooms", "internal/relay/cluster", "internal/relay/rate", "internal/relay/access",
}

// What these do not import, and what they do not call of package time.
var (
	outside = []string{"net", "os", "log", "log/slog", "syscall", "golang.org/x/sys/unix", "golang.org/x/net", module + "internal/udpio"}
	clock   = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "NewTicker", "NewTimer", "Tick"}
)

// The linters say the same while somebody works on a file; this holds without them.
func TestCoresOwnNoClockGoroutineOrSocket(t *testing.T) {
	found := sources(t)
	for _, dir := range sansIO {
		if len(found[dir]) == 0 {
			t.Errorf("%s has no Go files: the list is old", dir)
		}
		for _, path := range found[dir] {
			files := token.NewFileSet()
			f, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			for _, spec := range f.Imports {
				if imported := strings.Trim(spec.Path.Value, `"`); slices.Contains(outside, imported) {
					t.Errorf("%s imports %s", path, imported)
				}
			}
			ast.Inspect(f, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.GoStmt:
					t.Errorf("%v starts a goroutine", files.Position(n.Pos()))
				case *ast.SelectorExpr:
					switch of, _ := n.X.(*ast.Ident); {
					case of != nil && of.Name == "time" && slices.Contains(clock, n.Sel.Name):
						t.Errorf("%v reads the clock", files.Position(n.Pos()))
					case n.Sel.Name == "Go":
						t.Errorf("%v starts a goroutine", files.Position(n.Pos()))
					}
				}
				return true
			})
		}
	}
}
