package screen

import (
	"testing"
	"time"

	"github.com/tincan-voice/tincan/engine"
	"github.com/tincan-voice/tincan/stream"
)

func TestVerdicts(t *testing.T) {
	for _, tt := range []struct {
		concealed float64
		delay     time.Duration
		ways      stream.Ways
		want      string
	}{
		{0, 100 * time.Millisecond, stream.Ways{Came: 100}, "good"},
		{0.005, 150 * time.Millisecond, stream.Ways{Came: 100, LostUp: 10}, "good"}, // it is repaired
		{0.02, 100 * time.Millisecond, stream.Ways{Came: 88, LostUp: 12}, "a little choppy: loses 12 % on their way up"},
		{0.03, 100 * time.Millisecond, stream.Ways{Came: 95, LostUp: 2, LostDown: 5}, "choppy: loses 5 % on your way down"},
		{0.2, 100 * time.Millisecond, stream.Ways{Came: 100}, "very choppy: comes unevenly"},
		{0.001, 520 * time.Millisecond, stream.Ways{Came: 100}, "late: 520 ms from mouth to ear"},
	} {
		if got := verdict(tt.concealed, tt.delay, tt.ways); got != tt.want {
			t.Errorf("%v, %v: %q, want %q", tt.concealed, tt.delay, got, tt.want)
		}
	}
}

// The verdict is about the last seconds of speech; what was before, and silence, do not change it.
func TestVerdictIsAboutOfLate(t *testing.T) {
	var h history
	p := peer(2, "Bob", 0, stream.Ways{})
	p.Frames = 0
	said := ""
	for i := range 40 {
		switch {
		case i < 15: // loses
			p.Frames, p.Concealed = p.Frames+50, p.Concealed+5
		case i < 30:
			p.Frames += 50
		}
		said = h.judge(&p)
		if want := "very choppy: comes unevenly"; i < 15 && said != want {
			t.Fatalf("second %d: %q, want %q", i, said, want)
		}
	}
	if said != "good" {
		t.Errorf("at the end: %q", said)
	}
	p = engine.PeerStats{Frames: 30} // the session is another one
	if said = h.judge(&p); said != "late: 0 ms from mouth to ear" && said != "good" {
		t.Errorf("begun anew: %q", said)
	}
}
