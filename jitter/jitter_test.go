package jitter

import (
	"encoding/binary"
	"errors"
	"testing"
	"time"
)

// fake is a cheap codec: a frame is its number, its sound that number everywhere.
type fake struct{ fec bool }

var errFake = errors.New("fake: bad frame")

func fakeFrame(n uint32) Frame {
	return Frame{Number: n, Data: binary.BigEndian.AppendUint32(nil, n)}
}

func (f *fake) Decode(frame []byte, pcm []float32) error {
	if len(frame) != 4 {
		return errFake
	}
	for i := range pcm {
		pcm[i] = float32(binary.BigEndian.Uint32(frame)) / 1000
	}
	return nil
}

func (f *fake) DecodeFEC(_ []byte, pcm []float32) error { return f.Conceal(pcm) }
func (f *fake) HasFEC([]byte) bool                      { return f.fec }
func (f *fake) Conceal(pcm []float32) error             { clear(pcm); return nil }

func TestCleanPathPlaysEveryFrameOnce(t *testing.T) {
	var last uint32
	b := New(&fake{}, Config{Trace: func(s Segment) {
		if s.Kind == Silence {
			return
		}
		if s.Kind != Decoded || s.Frame < last || s.Frame > last+1 {
			t.Fatalf("after frame %d: %+v", last, s)
		}
		last = s.Frame
	}})
	out := make([]float32, 480)
	for i := range 1000 {
		now := time.Duration(i) * 10 * time.Millisecond
		if i%2 == 0 {
			b.Push(now, []Frame{fakeFrame(uint32(i/2 + 1))})
		}
		b.Pull(now, out)
	}
	if last < 498 {
		t.Fatalf("played up to frame %d of 500", last)
	}
	if s := b.Stats(); s.Concealed != 0 {
		t.Fatalf("concealed %v on a clean path", s.Concealed)
	}
}
