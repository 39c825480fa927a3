package jitter

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// On a clean path the first word is played when it will be played for good: nothing is cut or put in, at any stride and
// from any frame on, and nothing counts as lost or repaired, nor when the stride changes.
func TestStartNeedsNoCorrection(t *testing.T) {
	for stride := 1; stride <= 6; stride++ {
		for then := 1; then <= 6; then++ {
			for _, copies := range []int{0, 1, 4} {
				r := rand.New(rand.NewPCG(uint64(stride), uint64(then)))
				c := newCall(Config{})
				first, size, before := 1+r.IntN(1000), stride, 0
				for n := first + stride - 1; n < first+1000; n += size {
					fs := framesOf(n, size)
					switch copies {
					case 1:
						fs = append(fs, framesOf(n-size, before)...)
					case 4:
						fs = append(fs, framesOf(n-4*size, 1)...)
					}
					before = size
					at := time.Duration(n-first+1)*FrameDuration + 2*time.Millisecond + time.Duration(r.IntN(1000))*time.Microsecond
					c.sent = append(c.sent, datagram{at, fs})
					if n >= first+500 {
						size = then
					}
				}
				c.run(9 * time.Second)
				if i := slices.IndexFunc(c.segments, func(s heard) bool { return s.Stretched }); i >= 0 && stride == then {
					t.Errorf("stride %d: cut or longer at the start: %+v", stride, c.segments[i])
				}
				c.run(19 * time.Second)
				if s := c.buffer.Stats(); s.Lost+s.Repaired+s.Late+s.Dropped > 0 || then <= stride && s.Concealed > 0 {
					t.Errorf("stride %d, then %d, copies {%d}: lost %d, repaired %d, late %d, dropped %d, concealed %v on a clean path",
						stride, then, copies, s.Lost, s.Repaired, s.Late, s.Dropped, s.Concealed)
				}
			}
		}
	}
}

// Who comes at the end of a talkspurt hears the copy of a frame that was sent before, and has lost nothing.
func TestCopyFromBeforeIsNoLoss(t *testing.T) {
	silence := func(n uint32) Frame { return Frame{Number: n} }
	for i, fs := range [][]Frame{
		{fakeFrame(11), fakeFrame(10)}, {silence(11), fakeFrame(10)}, {silence(13), fakeFrame(10)},
		{silence(13), silence(12), silence(11), fakeFrame(10)}, {fakeFrame(13), fakeFrame(12), fakeFrame(11), fakeFrame(8)},
	} {
		c := newCall(Config{})
		c.sent = []datagram{{100 * time.Millisecond, fs}, {120 * time.Millisecond, fs}}
		c.run(time.Second)
		if s := c.buffer.Stats(); s.Lost+s.Repaired > 0 {
			t.Errorf("%d: %+v", i, s)
		}
	}
}

// framesOf is the stride frames that end with n, newest first.
func framesOf(n, stride int) (fs []Frame) {
	for k := range stride {
		fs = append(fs, fakeFrame(uint32(n-k)))
	}
	return fs
}
