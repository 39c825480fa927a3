// Command bundle makes what a relay serves to browsers (internal/web/dist) of the page, the engine in WebAssembly and Go's
// wasm_exec.js. Run it from the root of the repository.
//
//	dist/index.html          names the folder of the others
//	dist/a/HASH/app.js, ...  of all of them: what is below a never changes, and browsers may keep it for ever
//
// Each file stands compressed beside itself, as NAME.br and NAME.gz, or, where it is large, only so.
package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/andybalholm/brotli"
)

const (
	page  = "internal/web/page"
	index = "index.html"
	// hashDigits are those of SHA-256 that the folder gets: of 2^48 pages two are taken for each other.
	hashDigits = 12
	// large is from how many bytes on only the compressed files are kept: relays carry them.
	large = 1 << 20
	// fastStrength takes 2 s for the engine, where the best takes more than a minute.
	fastStrength = 6
)

func main() {
	out := flag.String("out", "internal/web/dist", "folder of what is made")
	fast := flag.Bool("fast", false, "compress in seconds, a seventh larger: while working, and in tests")
	flag.Parse()
	if err := build(*out, *fast); err != nil {
		fmt.Fprintln(os.Stderr, "web:", err)
		os.Exit(1)
	}
}

func build(out string, fast bool) error {
	files, err := contents()
	if err != nil {
		return err
	}
	sum := sha256.New()
	names := slices.Sorted(maps.Keys(files))
	for _, name := range names {
		fmt.Fprintf(sum, "%s %d\n", name, len(files[name]))
		sum.Write(files[name])
	}
	folder := "a/" + hex.EncodeToString(sum.Sum(nil))[:hashDigits]
	if is, err := os.Stat(filepath.Join(out, folder)); err == nil && is.IsDir() && fast {
		fmt.Println("the page is in", out, "already")
		return nil
	}
	files[index] = bytes.ReplaceAll(files[index], []byte(`"a/`), []byte(`"`+folder+`/`))
	if err := errors.Join(os.RemoveAll(out), os.MkdirAll(filepath.Join(out, folder), 0o755)); err != nil {
		return err
	}
	total := 0
	for _, name := range names {
		at := filepath.Join(out, folder)
		if name == index {
			at = out
		}
		n, err := write(filepath.Join(at, name), files[name], fast)
		if err != nil {
			return err
		}
		fmt.Printf("%-14s %9d bytes, %8d compressed\n", name, len(files[name]), n)
		total += n
	}
	fmt.Printf("%-14s %9s        %8d compressed\n", "in all", "", total)
	return nil
}

// contents are the files by name.
func contents() (map[string][]byte, error) {
	files := map[string][]byte{}
	all, err := os.ReadDir(page)
	if err != nil {
		return nil, fmt.Errorf("%w: run this from the root of the repository", err)
	}
	for _, f := range all {
		if files[f.Name()], err = os.ReadFile(filepath.Join(page, f.Name())); err != nil {
			return nil, err
		}
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return nil, fmt.Errorf("go env GOROOT: %w", err)
	}
	if files["wasm_exec.js"], err = os.ReadFile(filepath.Join(strings.TrimSpace(string(root)), "lib", "wasm", "wasm_exec.js")); err != nil {
		return nil, err
	}
	files["tincan.wasm"], err = engine()
	return files, err
}

// engine compiles the client.
func engine() ([]byte, error) {
	folder, err := os.MkdirTemp("", "tincan-web")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "tincan.wasm")
	cmd := exec.Command("go", "build", "-trimpath", "-tags", "gopus", "-ldflags", "-s -w", "-o", path, "./internal/web/client")
	cmd.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm", "CGO_ENABLED=0", "GOFLAGS=")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("go build of the engine: %w", err)
	}
	return os.ReadFile(path)
}

// write writes a file, and it compressed. It returns the least size.
func write(path string, content []byte, fast bool) (int, error) {
	strength, old := brotli.BestCompression, gzip.BestCompression
	if fast {
		strength, old = fastStrength, gzip.DefaultCompression
	}
	var br, gz bytes.Buffer
	b := brotli.NewWriterLevel(&br, strength)
	_, bad := b.Write(content)
	z, err := gzip.NewWriterLevel(&gz, old)
	if err = errors.Join(bad, b.Close(), err); err != nil {
		return 0, err
	}
	_, bad = z.Write(content)
	err = errors.Join(bad, z.Close(), os.WriteFile(path+".br", br.Bytes(), 0o644), os.WriteFile(path+".gz", gz.Bytes(), 0o644))
	if len(content) < large {
		err = errors.Join(err, os.WriteFile(path, content, 0o644))
	}
	return min(br.Len(), gz.Len()), err
}
