package main

import (
	"testing"
	"time"

	"github.com/tincan-voice/tincan/audio"
	"github.com/tincan-voice/tincan/engine"
)

// memory is a Sink that keeps what it gets.
type memory struct {
	audio.Sink
	pcm []float32
}

func (m *memory) Write(pcm []float32) error { m.pcm = append(m.pcm, pcm...); return nil }

// A sound is added to what is heard, once, from its event on; what was there when we came, and what is no news, makes
// none.
func TestChimes(t *testing.T) {
	speech := make([]float32, 480)
	for i := range speech {
		speech[i] = 0.25
	}
	for _, tt := range []struct {
		name   string
		on     bool
		at     time.Duration
		events []engine.Event
		want   chime
	}{
		{"joined", true, 3 * time.Second, []engine.Event{engine.PeerJoined{}}, chimeJoin},
		{"left", true, 3 * time.Second, []engine.Event{engine.PeerLeft{}}, chimeLeave},
		{"muted", true, 3 * time.Second, []engine.Event{engine.Muted{Muted: true}}, chimeMute},
		{"unmuted", true, 3 * time.Second, []engine.Event{engine.Muted{}}, chimeUnmute},
		{"many at once", true, 3 * time.Second, []engine.Event{engine.PeerJoined{}, engine.PeerLeft{}, engine.PeerJoined{}}, chimeJoin},
		{"there before", true, time.Second, []engine.Event{engine.PeerJoined{}}, nil},
		{"something else", true, 3 * time.Second, []engine.Event{engine.PeerTalking{}}, nil},
		{"off", false, 3 * time.Second, []engine.Event{engine.PeerJoined{}}, nil},
	} {
		begin := time.Now()
		c := &chimes{on: tt.on, first: begin}
		m := &memory{}
		sink := c.over(m)
		for _, e := range tt.events {
			c.heard(e, begin.Add(tt.at))
		}
		for range 40 {
			if err := sink.Write(speech); err != nil {
				t.Fatal(err)
			}
		}
		if len(m.pcm) != 40*480 {
			t.Fatalf("%s: %d samples", tt.name, len(m.pcm))
		}
		for i, s := range m.pcm {
			want := speech[0]
			if i < len(tt.want) {
				want += tt.want[i]
			}
			if s != want {
				t.Fatalf("%s: sample %d is %v, want %v", tt.name, i, s, want)
			}
		}
		if speech[7] != 0.25 {
			t.Fatal("the caller's samples were changed")
		}
	}
}
