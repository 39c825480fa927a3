package screen

import (
	"fmt"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/tincan-voice/tincan/engine"
	"github.com/tincan-voice/tincan/stream"
)

// BenchmarkLargeRoom is a look at the figures of a room of 1000, and the screen of it: ten times a second.
func BenchmarkLargeRoom(b *testing.B) {
	m := New(b.Context(), Config{})
	call := newFakeCall()
	m.talk = &talk{call: call, loud: map[string]float32{}}
	var s engine.Stats
	for i := range 1000 {
		s.Peers = append(s.Peers, peer(uint32(i+2), fmt.Sprintf("Person %d", i), 0, stream.Ways{Came: 900}))
	}
	m.update(tea.WindowSizeMsg{Width: 200, Height: 50})
	for i := 0; b.Loop(); i++ {
		m.update(statsMsg{call, start.Add(time.Duration(i) * statsEvery), s})
		_ = m.View()
	}
}
