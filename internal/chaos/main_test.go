package main

import (
	"bytes"
	"io"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A few seconds of it: what is wrong then is wrong. A busy machine has its time: all must be well in the end.
func TestChaos(t *testing.T) {
	var out bytes.Buffer
	err := run(t.Context(), options{
		length: 3 * time.Second, warm: time.Second, seed: 1, people: 6, room: 3, patience: time.Minute, hold: 3 * time.Second,
		unrest: unrest{
			calm: span{200 * time.Millisecond, 2 * time.Second}, cut: span{100 * time.Millisecond, 2 * time.Second},
			bad: span{200 * time.Millisecond, 2 * time.Second}, uptime: span{time.Second, 3 * time.Second},
			down: span{10 * time.Millisecond, time.Second}, stray: 500 * time.Millisecond,
		},
	}, &out)
	if err != nil {
		t.Errorf("%v\n%s", err, &out)
	}
	t.Logf("%s", &out)
}

func TestOddRooms(t *testing.T) {
	for _, o := range []options{{people: 7, room: 3}, {people: 3, room: 1}, {people: 0, room: 5}, {people: 5, room: 0}} {
		if err := run(t.Context(), o, io.Discard); err == nil {
			t.Errorf("%d people in rooms of %d", o.people, o.room)
		}
	}
}

func TestSpells(t *testing.T) {
	begun := time.Now()
	m := mouth{begun: begun, talk: 3 * time.Second, pause: 7 * time.Second}
	for _, tt := range []struct {
		at, since int
		talks     bool
	}{{0, 0, true}, {2, 0, true}, {3, 3, false}, {9, 3, false}, {10, 10, true}, {25, 23, false}} {
		talks, since := m.spell(begun.Add(time.Duration(tt.at) * time.Second))
		if talks != tt.talks || !since.Equal(begun.Add(time.Duration(tt.since)*time.Second)) {
			t.Errorf("at %d s: %v since %v", tt.at, talks, since.Sub(begun))
		}
	}
}

func TestCause(t *testing.T) {
	begun := time.Now()
	at := func(s int) time.Time { return begun.Add(time.Duration(s) * time.Second) }
	mine := &troubles{latest: []trouble{{cut, at(0), at(10)}, {lossy, at(40), at(50)}}}
	relays := &troubles{latest: []trouble{{relayKilled, at(5), at(6)}, {relayEnded, at(100), time.Time{}}}}
	for _, tt := range []struct {
		then int
		want kind
	}{{1, cut}, {7, relayKilled}, {19, cut}, {30, undisturbed}, {45, lossy}, {99, undisturbed}, {120, relayEnded}} {
		if got := cause(at(tt.then), 10*time.Second, mine, relays); got != tt.want {
			t.Errorf("at %d s: %s, want %s", tt.then, kindNames[got], kindNames[tt.want])
		}
	}
	if calm := mine.calm(at(70)); !calm.Equal(at(50)) {
		t.Errorf("calm since %v", calm.Sub(begun))
	}
	if calm := relays.calm(at(120)); !calm.Equal(at(120)) {
		t.Errorf("calm since %v", calm.Sub(begun))
	}
}
