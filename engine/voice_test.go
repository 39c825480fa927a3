package engine

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/netproto"
)

// Each talker is handed out, as it is played and as it was coded, and so are we.
func TestHear(t *testing.T) {
	r := startRelay(t, nil, nil)
	ann := join(t, r, Config{Name: "Ann", Source: talk(1)})
	var mu sync.Mutex
	heard := map[string][2]int{} // samples, frames
	var ended atomic.Int32
	note := func(v *Voice, sounds, frames int) {
		mu.Lock()
		defer mu.Unlock()
		h := heard[v.Name]
		heard[v.Name] = [2]int{h[0] + sounds, h[1] + frames}
	}
	stop := ann.Hear(func(v *Voice) {
		defer ended.Add(1)
		sounds := v.Sound()
		done := make(chan struct{})
		go func() {
			defer close(done)
			for pcm := range sounds {
				note(v, len(pcm), 0)
			}
		}()
		for f := range v.Frames() {
			if len(f.Data) > 0 && f.Number > 0 && f.Arrived > 0 {
				note(v, 0, 1)
			}
		}
		<-done
	})
	ann.Monitor(func(v *Voice) {
		defer ended.Add(1)
		for range v.Frames() {
			note(v, 0, 1)
		}
	})
	bob := join(t, r, Config{Name: "Bob", Source: talk(2)})
	cid := join(t, r, Config{Name: "Cid", Source: talk(3)})
	eventually(t, "all are heard one by one", func() bool {
		mu.Lock()
		defer mu.Unlock()
		for _, name := range []string{"Bob", "Cid"} {
			if heard[name][0] < codec.SampleRate/2 || heard[name][1] < 25 {
				return false
			}
		}
		return heard["Ann"][1] > 25
	})
	bob.Leave()
	eventually(t, "who left has ended", func() bool { return ended.Load() == 1 })
	stop()
	stop()
	if ended.Load() != 2 {
		t.Errorf("%d have ended, want Bob and Cid", ended.Load())
	}
	ann.Leave()
	if ended.Load() != 3 {
		t.Error("our own voice has not ended")
	}
	ann.Hear(func(*Voice) { t.Error("somebody is heard after the end") })()
	cid.Leave()
}

// Who does not take it misses it, and holds nobody up; and nothing is allocated.
func TestVoicesDoNotWait(t *testing.T) {
	a := audience{name: func(uint32) string { return "Bob" }}
	var lock sync.Mutex
	taken := make(chan struct{})
	missed := make(chan uint64, 1)
	stop := a.subscribe(&lock, func(v *Voice) {
		v.Sound()
		taken <- struct{}{}
		<-taken
		count := 0
		for range v.Frames() {
			count++
		}
		if count != framesAhead {
			t.Errorf("%d frames", count)
		}
		missed <- v.Missed()
	})
	data, pcm := make([]byte, 60), make([]float32, playbackSamples)
	number := uint32(0)
	pass := func() {
		number++
		a.came(time.Second, 2, netproto.Frame{Number: number, Data: data})
		a.sounded(2, pcm)
	}
	pass()
	<-taken
	for range framesAhead {
		pass()
	}
	if n := testing.AllocsPerRun(100, pass); n > 0 {
		t.Errorf("%v allocations per frame and block", n)
	}
	taken <- struct{}{}
	stop()
	if n := <-missed; n < 100 {
		t.Errorf("%d missed", n)
	}
}

// Silence between talkspurts is one empty block, and one empty frame.
func TestVoiceTellsWhereItPauses(t *testing.T) {
	v := newVoice(1, "Bob")
	sounds := v.Sound()
	for _, n := range []int{0, 480, 480, 0, 0, 480, 0} {
		v.sounded(make([]float32, n))
	}
	for _, n := range []int{5, 0, 0, 5} {
		v.came(0, netproto.Frame{Data: make([]byte, n)})
	}
	v.end()
	var lengths []int
	for pcm := range sounds {
		lengths = append(lengths, len(pcm))
	}
	for f := range v.Frames() {
		lengths = append(lengths, len(f.Data))
	}
	if want := []int{480, 480, 0, 480, 0, 5, 0, 5}; !slices.Equal(lengths, want) {
		t.Errorf("%v, want %v", lengths, want)
	}
}

// The end of a talkspurt that found no room is told when there is some.
func TestVoicePauseIsNotLost(t *testing.T) {
	v := newVoice(1, "Bob")
	_ = v.Sound()
	for range soundsAhead {
		v.sounded(make([]float32, 480))
	}
	for range framesAhead {
		v.came(0, netproto.Frame{Data: []byte{1}})
	}
	v.sounded(nil)
	v.came(0, netproto.Frame{})
	v.sounds.tail.Add(1)
	v.frames.tail.Add(1)
	v.sounded(nil)
	v.came(0, netproto.Frame{})
	if s, f := v.sounds.head.Load(), v.frames.head.Load(); s != soundsAhead+1 || f != framesAhead+1 {
		t.Errorf("%d blocks, %d frames", s, f)
	}
}
