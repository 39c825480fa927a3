package engine

import (
	"slices"
	"sync"
	"testing"
	"time"
)

// patient is a Source that speaks as long as it is told to, and notes what is asked for.
type patient struct {
	said   []float32
	mu     sync.Mutex
	speaks bool
	sizes  []int // of reads that were no whole frame
	reads  int   // that were
}

func (*patient) Live()        {}
func (*patient) Close() error { return nil }

func (p *patient) Read(pcm []float32) (int, error) {
	time.Sleep(2 * time.Millisecond)
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(pcm) == FrameSize {
		p.reads++
	} else {
		p.sizes = append(p.sizes, len(pcm))
	}
	clear(pcm)
	if p.speaks {
		copy(pcm, p.said[p.reads%25*FrameSize:])
	}
	return len(pcm), nil
}

// Who is to send later leaves samples out in a pause, once, and never while there is something to hear; frames are
// numbered as before, but for one more where more than half a frame is left out.
func TestCaptureShiftsInAPause(t *testing.T) {
	source := &patient{said: speech(50, 1), speaks: true}
	call := join(t, startRelay(t, nil, nil), Config{Source: source})
	defer call.Leave()
	wish := func(later uint16) {
		call.talking.Lock()
		defer call.talking.Unlock()
		call.sender.Talker().Steer(call.sender.Talker().LastSeq(), later)
	}
	// look waits for so many frames more, and returns what else was read and how many more are numbered than were read at most.
	look := func(frames int) (sizes []int, more int) {
		source.mu.Lock()
		until := source.reads + frames
		source.mu.Unlock()
		for reads := 0; reads < until; time.Sleep(time.Millisecond) {
			call.talking.Lock()
			source.mu.Lock()
			reads, sizes = source.reads, slices.Clone(source.sizes)
			more = max(more, int(call.sender.Talker().LastSeq())-reads)
			source.mu.Unlock()
			call.talking.Unlock()
		}
		return sizes, more
	}
	speak := func(speaks bool) {
		source.mu.Lock()
		defer source.mu.Unlock()
		source.speaks = speaks
	}
	look(50)
	wish(300)
	if sizes, _ := look(50); sizes != nil {
		t.Fatalf("reads %v in the middle of a word", sizes)
	}
	speak(false)
	if sizes, more := look(100); !slices.Equal(sizes, []int{300}) || more != 0 {
		t.Fatalf("reads %v and numbers %d frames more than it has read, want [300] and none", sizes, more)
	}
	wish(700) // the relay has seen nothing of the shift yet: this is what it measured before and after it
	wish(700)
	if sizes, more := look(100); !slices.Equal(sizes, []int{300, 700}) || more != 1 {
		t.Fatalf("reads %v and counts %d frames more than it has read, want [300 700] and one", sizes, more)
	}
}
