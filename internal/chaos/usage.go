package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"
)

// usage is what this process has.
type usage struct {
	goroutines int
	files      int // 0 where that cannot be known
	heap       int // live, in KiB
}

// used is that now.
func used() usage {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what pools had is gone with the second
	runtime.ReadMemStats(&m)
	u := usage{goroutines: runtime.NumGoroutine(), heap: int(m.HeapAlloc >> 10)}
	if files, err := os.ReadDir("/proc/self/fd"); err == nil {
		u.files = len(files) - 1 // which that took
	}
	return u
}

// settleTime is how long what has been told to end may take.
const settleTime = 20 * time.Second

// settled waits until all is as before, if that is not nil, or for 20 s; else for a second.
func settled(before *usage) (u usage) {
	for end := time.Now().Add(settleTime); ; {
		time.Sleep(time.Second)
		if u = used(); before == nil || u.leaks(*before) == nil || time.Now().After(end) {
			return u
		}
	}
}

// usageSlack is how much the heap may grow by chance, in KiB.
const usageSlack = 4 << 10

// leaks is what there is more of than before.
func (u usage) leaks(before usage) (err error) {
	more := func(name string, was, is, slack int) {
		if is > was+slack {
			err = errors.Join(err, fmt.Errorf("%s of this process: %d before, %d after", name, was, is))
		}
	}
	more("goroutines", before.goroutines, u.goroutines, 0)
	more("files", before.files, u.files, 0)
	more("heap KiB", before.heap, u.heap, usageSlack)
	return err
}

// grown is an error if much more memory is in use during the calls than after a short run.
func (u usage) grown(before usage) error {
	if most := before.heap + before.heap/4 + usageSlack; u.heap > most {
		return fmt.Errorf("heap KiB in the calls: %d at first, %d in the end", before.heap, u.heap)
	}
	return nil
}

// writeText writes what the process had in and after the two runs.
func writeText(w io.Writer, liveBefore, liveAfter, before, after usage) {
	fmt.Fprintf(w, "\n%-28s%12s%12s\n", "this process", "before", "after")
	for _, row := range []struct {
		name    string
		was, is int
	}{
		{"goroutines", before.goroutines, after.goroutines},
		{"files", before.files, after.files},
		{"heap KiB", before.heap, after.heap},
		{"heap KiB in the calls", liveBefore.heap, liveAfter.heap},
	} {
		fmt.Fprintf(w, "%-28s%12d%12d\n", row.name, row.was, row.is)
	}
}
