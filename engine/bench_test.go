package engine

import (
	"fmt"
	"testing"
)

// BenchmarkTalker is 20 ms of speech in, a sealed datagram out.
func BenchmarkTalker(b *testing.B) {
	pcm := speech(250, 1)
	for _, copies := range [][]int{nil, {1, 4}} {
		b.Run(fmt.Sprint("copies", copies), func(b *testing.B) {
			talker := newTestTalker(b, TalkerConfig{Copies: copies})
			b.ReportAllocs()
			for i := 0; b.Loop(); i = (i + 1) % 250 {
				if _, err := talker.Frame(pcm[i*FrameSize:][:FrameSize]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// The listening side is in package bench.

// BenchmarkIdleRoom is 10 ms of mixing a room of a thousand who are silent.
func BenchmarkIdleRoom(b *testing.B) {
	l := newTestListener()
	for i := range uint32(1000) {
		l.AddPeer(i+1, "")
	}
	out := make([]float32, FrameSize/2)
	b.ReportAllocs()
	for i := uint32(0); b.Loop(); i++ {
		l.Mix(frameTime(i)/2, out)
	}
}
