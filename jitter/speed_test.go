package jitter

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"
)

// loudness is a codec that makes noise, in which no pitch is to be found, of a level that goes by the frame's number.
type loudness struct {
	fakeCodec
	r     *rand.Rand
	level func(n uint32) float32
}

func (l *loudness) Decode(frame []byte, pcm []float32) error {
	level := l.level(binary.BigEndian.Uint32(frame))
	for i := range pcm {
		pcm[i] = level * float32(l.r.NormFloat64())
	}
	return nil
}

// What is too much of the delay is cut from pauses, also where no pitch period is to be found in speech.
func TestPausesAreCut(t *testing.T) {
	c := newCall(Config{})
	c.buffer.dec = &loudness{r: rand.New(rand.NewPCG(1, 2)), level: func(n uint32) float32 {
		if n%25 < 5 {
			return 0.0005
		}
		return 0.1
	}}
	c.talk(1, 500, steady(way+80*time.Millisecond))
	c.talk(500, 1000, steady(way))
	c.run(20 * time.Second)
	wantBelow(t, "delay 3 s after a queue of 80 ms was gone", c.delay(13*time.Second, 15*time.Second), way+30*time.Millisecond)
}

// What counts as a pause goes by the loud parts of late: who turns away from the microphone is not cut to pieces.
func TestWhoGetsQuietIsNoPause(t *testing.T) {
	c := newCall(Config{})
	quiet := make([]float32, FrameSize)
	codec := &loudness{r: rand.New(rand.NewPCG(3, 4)), level: func(n uint32) float32 {
		if n < 500 {
			return 0.3
		}
		return 0.003 // 40 dB less
	}}
	c.buffer.dec = codec
	c.talk(1, 2500, steady(way))
	_ = codec.Decode(fakeFrame(1000).Data, quiet)
	c.run(11 * time.Second)
	if !c.buffer.quiet(quiet) {
		t.Error("40 dB below the loud parts is no pause")
	}
	c.run(45 * time.Second)
	if c.buffer.quiet(quiet) {
		t.Error("who has been 40 dB quieter for 35 s is a pause still")
	}
}

// A pause is made longer though there is no pitch period in it, and speech in which there is none is not.
func TestPausesAreMadeLonger(t *testing.T) {
	for _, tt := range []struct {
		level float32
		want  bool
	}{{0.0005, true}, {0.1, false}} {
		b := New(&loudness{r: rand.New(rand.NewPCG(1, 2)), level: func(n uint32) float32 {
			if n == 8 {
				return tt.level
			}
			return 0.1
		}}, Config{})
		for n := 1; n <= 8; n++ {
			b.Push(filled(n), framesOf(n, 1))
			b.speech.clear()
			b.decode()
		}
		b.pulled = SampleRate // long after it was stretched
		if b.lengthen(); b.speech.len() > FrameSize != tt.want {
			t.Errorf("a frame at a level of %v is made %d samples longer", tt.level, b.speech.len()-FrameSize)
		}
	}
}
