package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"

	"github.com/tincan-voice/tincan/relay"
)

// stats prints totals since the start, and what the process has at the moment, after a
// garbage collection. One number per line, so that programs can read it.
func stats(st relay.Stats, sessions int, files *os.File, out io.Writer) {
	line := func(name string, n any) { fmt.Fprintf(out, "%-27s %v\n", name, n) }
	line("sessions", sessions)
	line("received", st.Received)
	line("forwarded", st.Forwarded)
	line("delivered", st.Delivered)
	line("to other relays", st.Relayed)
	line("packets", st.Packets)
	line("asked for again", st.Asked)
	line("resent", st.Resent)
	line("copied", st.Copied)
	line("feedback", st.Feedback)
	for _, reason := range slices.Sorted(maps.Keys(st.Dropped)) {
		line("dropped: "+reason.String(), st.Dropped[reason])
	}
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	line("goroutines", runtime.NumGoroutine())
	if names, err := openFiles(files); err == nil { // elsewhere than on Linux nobody tells
		line("files", len(names)-1) // without the one that reads this
	}
	line("heap KiB", m.HeapAlloc>>10)
}

func openFiles(files *os.File) ([]string, error) {
	if _, err := files.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return files.Readdirnames(-1)
}
