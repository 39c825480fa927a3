package main

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// troubles are what has happened to one path, or to the relay.
type troubles struct {
	mu     sync.Mutex
	counts [kinds]int
	latest []trouble // in order; no more than matter
}

type trouble struct {
	kind     kind
	from, to time.Time // to is zero while it lasts
}

// keepTroubles is how many matter: a gap in what is heard is explained by the last few.
const keepTroubles = 16

// begin notes one that begins and returns what notes its end.
func (t *troubles) begin(k kind) (end func()) {
	t.note(trouble{kind: k, from: time.Now()})
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.latest[len(t.latest)-1].to = time.Now()
	}
}

// note notes one that may be over.
func (t *troubles) note(one trouble) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts[one.kind]++
	if len(t.latest) == keepTroubles {
		t.latest = append(t.latest[:0], t.latest[1:]...)
	}
	t.latest = append(t.latest, one)
}

// calm is since when there has been none; now if there is one.
func (t *troubles) calm(now time.Time) (since time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.latest) == 0 {
		return time.Time{}
	}
	if last := t.latest[len(t.latest)-1]; !last.to.IsZero() {
		return last.to
	}
	return now
}

// told is how many of the last ones are told where something is wrong.
const told = 3

// story is the last ones, in words.
func (t *troubles) story(now time.Time) (text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, one := range t.latest[max(0, len(t.latest)-told):] {
		end := "now"
		if !one.to.IsZero() {
			end = now.Sub(one.to).Round(lookEvery).String()
		}
		text += fmt.Sprintf(" %s %v to %s ago,", kindNames[one.kind], now.Sub(one.from).Round(lookEvery), end)
	}
	return strings.Trim(text, " ,")
}

// before is the last one that had begun by then, if it was not over for longer than after.
func (t *troubles) before(then time.Time, after time.Duration) (found trouble) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, one := range t.latest {
		if !one.from.After(then) && (one.to.IsZero() || then.Sub(one.to) <= after) {
			found = one
		}
	}
	return found
}

// cause is what kept somebody from being heard from then on: the trouble of any of them that began last.
func cause(then time.Time, after time.Duration, all ...*troubles) kind {
	var last trouble
	for _, t := range all {
		if one := t.before(then, after); one.from.After(last.from) {
			last = one
		}
	}
	return last.kind
}
