package main

import (
	"fmt"
	"io"
	"slices"
	"time"
)

// brief is one line about how everyone is.
func (w *watch) brief() string {
	away, troubled, now := 0, 0, time.Now()
	for _, p := range w.people {
		if p.call.Stats().Reconnecting != "" {
			away++
		}
		if w.calm(now, p).Equal(now) {
			troubled++
		}
	}
	return fmt.Sprintf("%d of %d connected, %d disturbed, %d things wrong", len(w.people)-away, len(w.people), troubled, w.wrongs)
}

// writeText tells what happened and what it did to the voice.
func (w *watch) writeText(out io.Writer) {
	var counts [kinds]int
	var lost, resumed, replaced int64
	for _, p := range w.people {
		p.troubles.addTo(&counts)
		lost, resumed, replaced = lost+p.lost.Load(), resumed+p.resumed.Load(), replaced+p.replaced.Load()
	}
	w.relay.addTo(&counts)
	w.machine.addTo(&counts)
	fmt.Fprintf(out, "\ncontrol connections: %d lost, %d back with the same session, %d with another\n", lost, resumed, replaced)
	fmt.Fprintf(out, "\n%-24s%8s%8s%10s%10s%10s%10s\n", "what happened", "times", "gaps", "median s", "90 % s", "99 % s", "longest s")
	for k := range kinds {
		gaps := w.gaps[k]
		slices.Sort(gaps)
		fmt.Fprintf(out, "%-24s%8d%8d", kindNames[k], counts[k], len(gaps))
		for _, part := range []float64{0.5, 0.9, 0.99, 1} {
			if len(gaps) == 0 {
				fmt.Fprintf(out, "%10s", "-")
				continue
			}
			fmt.Fprintf(out, "%10.1f", gaps[int(part*float64(len(gaps)-1))].Seconds())
		}
		fmt.Fprintln(out)
	}
	fmt.Fprintf(out, "A gap is a time of %v or more in which one who talks is not heard by one of the room; what began last is to blame.\n", leastGap)
	fmt.Fprintf(out, "Of the time %.0f %% were calm enough to judge it.\n", 100*float64(w.judged)/float64(max(w.looks, 1)))
}

func (t *troubles) addTo(counts *[kinds]int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for k, n := range t.counts {
		counts[k] += n
	}
}
