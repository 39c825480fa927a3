package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// The key is made on first use, for its owner alone, and stays; one that others may have read, or that is none, is
// refused.
func TestIdentity(t *testing.T) {
	state := t.TempDir()
	t.Setenv("XDG_STATE_HOME", state)
	t.Setenv("HOME", state) // of macOS
	t.Setenv("AppData", state)
	identity := func() (code int, out, errOut string) {
		var o, e bytes.Buffer
		code = run(context.Background(), []string{"identity"}, strings.NewReader(""), &o, &e)
		return code, o.String(), e.String()
	}
	code, first, errOut := identity()
	file, err := identityFile()
	if code != 0 || err != nil || !strings.HasPrefix(first, "ed25519:") || !strings.Contains(errOut, file) || filepath.Base(file) != "identity" {
		t.Fatalf("%d, %q, %q, %s, %v", code, first, errOut, file, err)
	}
	if code, again, _ := identity(); code != 0 || again != first {
		t.Errorf("%d, %q, then %q", code, first, again)
	}
	info, err := os.Stat(file)
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	if runtime.GOOS != "windows" {
		if err := os.Chmod(file, 0o640); err != nil {
			t.Fatal(err)
		}
		if code, _, errOut := identity(); code != 1 || !strings.Contains(errOut, "chmod 600 "+file) {
			t.Errorf("%d, %s", code, errOut)
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	keys := make(chan string)
	for range 20 { // at once
		go func() {
			key, err := loadIdentity()
			keys <- fmt.Sprint(key, err)
		}()
	}
	one := <-keys
	for range 19 {
		if other := <-keys; other != one {
			t.Errorf("%s and %s", one, other)
		}
	}
	if all, err := os.ReadDir(filepath.Dir(file)); err != nil || len(all) != 1 {
		t.Errorf("%v, %v", all, err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("none"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errOut := identity(); code != 1 || !strings.Contains(errOut, "no Ed25519 key: delete it") {
		t.Errorf("%d, %s", code, errOut)
	}
}
