package engine

import (
	"io"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/audio"
)

func TestStandstill(t *testing.T) {
	const ms = time.Millisecond
	var s standstill
	for i, tt := range []struct {
		now  time.Duration
		want int
	}{{7 * time.Second, 0}, {7020 * ms, 0}, {7020*ms + standstillTime - 1, 0}, {7540 * ms, 0}, {8040 * ms, 24}, {8060 * ms, 0}, {18060 * ms, 499}} {
		if got := s.frame(tt.now); got != tt.want {
			t.Errorf("frame %d: %d missed, want %d", i, got, tt.want)
		}
	}
	if got := s.resume(18160 * ms); got != 5 {
		t.Errorf("%d missed, want 5", got)
	}
	if got := s.frame(18180 * ms); got != 0 {
		t.Errorf("%d missed after that", got)
	}
}

// stalling stands still before its second block, says one more, and ends.
type stalling struct {
	audio.Source
	blocks int
}

func (s *stalling) Read(pcm []float32) (int, error) {
	switch s.blocks++; s.blocks {
	case 2:
		time.Sleep(standstillTime + standstillTime/2)
	case 4:
		return 0, io.EOF
	}
	return s.Source.Read(pcm)
}

// The numbers of frames are their time, also after a standstill of the source: else all that is said later counts as
// delayed.
func TestFramesKeepTheirTimeAfterAStandstill(t *testing.T) {
	r := startRelay(t, nil, nil)
	call := join(t, r, Config{Source: &stalling{Source: audio.Tone(440, -20)}})
	defer call.Leave()
	for e := range call.Events() {
		if _, ended := e.(SourceEnded); ended {
			break
		}
	}
	call.talking.Lock()
	seq := call.sender.Talker().LastSeq()
	call.talking.Unlock()
	if least := uint32((standstillTime + standstillTime/2) / (20 * time.Millisecond)); seq < least {
		t.Errorf("frame %d after a standstill of %d", seq, least)
	}
}
