package jitter

import (
	"testing"
	"time"
)

// nothingCodec costs nothing at all, so that what is measured is the buffer.
type nothingCodec struct{}

func (nothingCodec) Decode(_ []byte, pcm []float32) error    { copy(pcm, vowel[:]); return nil }
func (nothingCodec) DecodeFEC(_ []byte, pcm []float32) error { copy(pcm, vowel[:]); return nil }
func (nothingCodec) HasFEC([]byte) bool                      { return false }
func (nothingCodec) Conceal(pcm []float32) error             { copy(pcm, vowel[:]); return nil }

// stream pushes and pulls 20 ms at a time over a network that makes the buffer stretch both ways,
// wait and conceal.
type stream struct {
	b     *Buffer
	frame [1]Frame
	out   [480]float32
	n     int64
}

func (s *stream) next() {
	s.n++
	late := time.Duration(s.n%7) * time.Millisecond
	if p := s.n % 400; p < 200 {
		late += time.Duration(min(p, 200-p)) * time.Millisecond
	}
	now := time.Duration(s.n) * FrameDuration
	if s.n%50 != 0 {
		s.frame[0].Number = uint32(s.n - int64(late/FrameDuration))
		s.b.Push(now, s.frame[:])
	}
	s.b.Pull(now, s.out[:])
	s.b.Pull(now+10*time.Millisecond, s.out[:])
}

func newStream() *stream {
	s := &stream{b: New(nothingCodec{}, Config{})}
	s.frame[0].Data = make([]byte, 60)
	for range 1000 {
		s.next()
	}
	return s
}

func TestNothingIsAllocated(t *testing.T) {
	s := newStream()
	if n := testing.AllocsPerRun(5000, func() {
		s.next()
		s.b.Stats()
	}); n != 0 {
		t.Errorf("%v allocations per frame", n)
	}
}

func BenchmarkPushPull(b *testing.B) {
	b.Run("steady", func(b *testing.B) {
		s := newStream()
		b.ReportAllocs()
		for b.Loop() {
			s.n++
			s.frame[0].Number = uint32(s.n)
			now := time.Duration(s.n) * FrameDuration
			s.b.Push(now, s.frame[:])
			s.b.Pull(now, s.out[:])
			s.b.Pull(now+10*time.Millisecond, s.out[:])
		}
	})
	b.Run("stretching", func(b *testing.B) {
		s := newStream()
		b.ReportAllocs()
		for b.Loop() {
			s.next()
		}
	})
}
