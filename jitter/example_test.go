package jitter_test

import (
	"fmt"
	"time"

	"github.com/tincan-voice/tincan/jitter"
)

// ramp is a decoder whose frames are one value throughout.
type ramp struct{}

func (ramp) Decode(frame []byte, pcm []float32) error {
	for i := range pcm {
		pcm[i] = float32(frame[0]) / 100
	}
	return nil
}
func (ramp) DecodeFEC([]byte, []float32) error { return fmt.Errorf("none") }
func (ramp) HasFEC([]byte) bool                { return false }
func (ramp) Conceal(pcm []float32) error       { clear(pcm); return nil }

// Frames come whenever the network brings them; sound goes out steadily.
func Example() {
	buffer := jitter.New(ramp{}, jitter.Config{MaxDelay: 200 * time.Millisecond})
	block := make([]float32, jitter.FrameSize)
	for i := range 100 {
		now := time.Duration(i) * jitter.FrameDuration
		if i < 50 {
			buffer.Push(now, []jitter.Frame{{Number: uint32(i + 1), Data: []byte{50}}})
		}
		if i == 50 { // the end of the talkspurt
			buffer.Push(now, []jitter.Frame{{Number: uint32(i + 1)}})
		}
		buffer.Pull(now, block)
	}
	s := buffer.Stats()
	fmt.Println("decoded", s.Decoded, "lost", s.Lost, "invented", s.Concealed)
	// Output: decoded 1s lost 0 invented 0s
}
