package device

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
)

// The sound system prints nothing, and a panic is seen all the same: in a process of its own, whose standard error
// can be read.
func TestSoundSystemIsQuiet(t *testing.T) {
	const child = "TINCAN_TEST_QUIET"
	if os.Getenv(child) != "" {
		_, _ = List()
		_, _ = OpenSource("")
		_, _ = OpenSink("")
		panic("seen all the same")
	}
	if runtime.GOOS != "linux" {
		return // elsewhere nothing prints
	}
	cmd := exec.Command(os.Args[0], "-test.run", "^TestSoundSystemIsQuiet$")
	cmd.Env = append(os.Environ(), child+"=1")
	var errs strings.Builder
	cmd.Stderr = &errs
	if err := cmd.Run(); err == nil {
		t.Error("it did not panic")
	}
	if before, _, found := strings.Cut(errs.String(), "panic: seen all the same"); before != "" || !found {
		t.Errorf("standard error before the panic:\n%s", before)
	}
}
