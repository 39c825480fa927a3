package engine

import (
	"io"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/audio"
	"github.com/tincan-voice/tincan/netproto"
)

func TestStandstill(t *testing.T) {
	const ms = time.Millisecond
	var s standstill
	for i, tt := range []struct {
		now  time.Duration
		want int
	}{{7 * time.Second, 0}, {7020 * ms, 0}, {7020*ms + standstillTime - 1, 0}, {7540 * ms, 0}, {8040 * ms, 24}, {8060 * ms, 0}, {18060 * ms, 499}} {
		if got := s.frame(tt.now, false); got != tt.want {
			t.Errorf("frame %d: %d missed, want %d", i, got, tt.want)
		}
	}
	if got := s.resume(18160 * ms); got != 5 {
		t.Errorf("%d missed, want 5", got)
	}
	if got := s.frame(18180*ms, false); got != 0 {
		t.Errorf("%d missed after that", got)
	}
}

// A source that keeps 60 ms stands still for 80 to 460 ms again and again: what it has lost is numbered in the next
// pause, and one that keeps all of it has lost nothing.
func TestHiccupsAreNumbered(t *testing.T) {
	const ms = time.Millisecond
	for _, keeps := range []time.Duration{60 * ms, time.Second} {
		var s standstill
		free, due, lost, numbered := time.Duration(0), time.Duration(0), time.Duration(0), 0
		for n := range 60 * 50 {
			due += netproto.FrameDuration
			free = max(free, due)
			if stall := time.Duration(n%20) * 20 * ms; n%150 == 149 {
				free += 80*ms + stall
				if late := free - due - keeps; late > 0 {
					due, lost = due+late, lost+late
				}
			}
			pause := n%150 > 120
			missed := s.frame(free+time.Duration(n%7)*ms/2, pause)
			if numbered += missed; missed > 0 && !pause {
				t.Errorf("frame %d: %d numbered in a word", n, missed)
			}
		}
		short := lost - time.Duration(numbered)*netproto.FrameDuration
		if lost > 0 != (numbered > 0) || short.Abs() > lost/6 {
			t.Errorf("a source that keeps %v: lost %v, %d frames numbered", keeps, lost, numbered)
		}
	}
}

// stalling stands still before its second block, says one more, and ends.
type stalling struct {
	audio.Reader
	blocks int
}

func (*stalling) Live() {}

func (s *stalling) Read(pcm []float32) (int, error) {
	switch s.blocks++; s.blocks {
	case 2:
		time.Sleep(standstillTime + standstillTime/2)
	case 4:
		return 0, io.EOF
	}
	return s.Reader.Read(pcm)
}

// The numbers of frames are their time, also after a standstill of the source: else all that is said later counts as
// delayed.
func TestFramesKeepTheirTimeAfterAStandstill(t *testing.T) {
	r := startRelay(t, nil, nil)
	call := join(t, r, Config{Source: &stalling{Reader: audio.Tone(440, -20)}})
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
