package stream

import (
	"slices"
	"testing"
	"time"
)

// Of what is held back the last 60 ms go with the first frame of speech, whatever the shape, and nothing else goes, nor
// what came before silence that was no sound at all.
func TestWhatIsHeldGoesWithTheSpeechAfterIt(t *testing.T) {
	held := func(n int) Frame { f := speech(n); f.Held, f.Voice = true, false; return f }
	silence := Frame{Level: Silent}
	type step struct {
		frames int
		frame  func(n int) Frame
	}
	for _, tt := range []struct {
		name   string
		stride int
		copies []int
		steps  []step
		want   []uint32 // frames of sound that come through
	}{
		{"a first word", 1, nil, []step{{10, held}, {2, speech}}, []uint32{8, 9, 10, 11, 12}},
		{"three at a time", 3, nil, []step{{10, held}, {2, speech}}, []uint32{8, 9, 10, 11, 12}},
		{"six at a time, with copies", 6, []int{2}, []step{{12, held}, {6, speech}, {12, held}}, []uint32{10, 11, 12, 13, 14, 15, 16, 17, 18}},
		{"with copies", 1, []int{1, 2}, []step{{10, held}, {2, speech}, {5, held}}, []uint32{8, 9, 10, 11, 12}},
		{"after the end of a word", 1, nil, []step{{3, speech}, {2, held}, {1, speech}}, []uint32{1, 2, 3, 5, 6}},
		{"after silence", 1, nil, []step{{5, held}, {1, func(int) Frame { return silence }}, {1, held}, {1, speech}}, []uint32{7, 8}},
		{"noise", 1, []int{1}, []step{{20, held}}, nil},
		{"at once", 1, nil, []step{{1, held}, {1, speech}}, []uint32{1, 2}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPacketizer(t, Config{Stride: tt.stride, Copies: tt.copies})
			var got []uint32
			r := newReceiver(ReceiverConfig{Take: func(_ time.Duration, a *Arrival) error {
				for _, f := range a.Frames {
					if len(f.Data) > 0 && !slices.Contains(got, f.Number) {
						got = append(got, f.Number)
					}
				}
				return nil
			}})
			n := 0
			for _, s := range tt.steps {
				for range s.frames {
					n++
					if d := say(t, p, s.frame(n)); d != nil {
						if err := r.Handle(at(n), d); err != nil {
							t.Fatal(err)
						}
					}
				}
			}
			slices.Sort(got)
			if !slices.Equal(got, tt.want) {
				t.Errorf("came through: %v, want %v", got, tt.want)
			}
		})
	}
}
