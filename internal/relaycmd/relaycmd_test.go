package relaycmd

import (
	"strings"
	"testing"
)

func TestLeaks(t *testing.T) {
	before := &Stats{Numbers: map[string]int64{"goroutines": 9, "files": 8, "heap KiB": 3000, "received": 1}}
	after := &Stats{Numbers: map[string]int64{"goroutines": 9, "files": 7, "heap KiB": 3900, "received": 1000}}
	if err := Leaks(before, after); err != nil {
		t.Error(err)
	}
	after.Numbers["goroutines"], after.Numbers["sessions"] = 10, 1
	if err := Leaks(before, after); err == nil || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("%v", err)
	}
}
