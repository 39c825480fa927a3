package jitter

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// A pitch period that is repeated begins and loops without an edge, also where the voice swells.
func TestThePitchPeriodHasNoEdges(t *testing.T) {
	x := make([]float32, history)
	for i := range x {
		back := float64(i + 1 - history)
		x[i] = float32(0.2 * math.Exp2(back/(SampleRate/200)) * math.Cos(2*math.Pi*200*back/SampleRate)) // the last sample is a peak
	}
	var e extension
	e.begin(nil, x, fadeFrom)
	out := append([]float32{x[len(x)-1]}, make([]float32, fadeFrom)...)
	e.read(out[1:])
	edge := 0.0
	for i := 1; i < len(out); i++ {
		edge = max(edge, math.Abs(float64(out[i]-out[i-1])))
	}
	wantBelow(t, "steepest step", edge, 0.02) // of the wave itself 0.0052
}

// singer holds a note whose periods do not fit into frames.
type singer struct{ fakeCodec }

func (s *singer) Decode(frame []byte, pcm []float32) error {
	n := int(binary.BigEndian.Uint32(frame))
	for i := range pcm {
		t := 2 * math.Pi * 170 * float64(n*FrameSize+i) / SampleRate
		pcm[i] = float32(0.1*math.Sin(t) + 0.05*math.Sin(2*t+1))
	}
	return nil
}

// Where a late frame meets what was made up for it their waves are aligned: the voice does not dip.
func TestALateFrameIsAligned(t *testing.T) {
	for late := 20 * time.Millisecond; late <= 45*time.Millisecond; late += 5 * time.Millisecond {
		c := newCall(Config{})
		c.buffer.dec = &singer{}
		c.talk(1, 200, func(n int) time.Duration {
			if n >= 100 && n < 104 { // in order
				return way + max(0, late-time.Duration(n-100)*FrameDuration)
			}
			return way
		})
		sound := c.record(4 * time.Second)
		from := 0
		for _, s := range c.segments {
			if s.Kind == Concealed {
				from = int(s.at)
				break
			}
		}
		if from == 0 {
			t.Fatalf("%v late: nothing is made up", late)
		}
		const period = SampleRate / 170
		nominal, least := meanSquare(sound[from-10*period:from]), float32(1)
		for i := from; i < from+SampleRate/10; i += period / 5 {
			least = min(least, meanSquare(sound[i:i+period]))
		}
		if least < nominal/2 {
			t.Errorf("%v late: the voice dips to %.2f of its power", late, least/nominal)
		}
	}
}

// A decoder's concealment is heard for 200 ms, then the background.
func TestALongLossIsNotSung(t *testing.T) {
	c := newCall(Config{})
	c.talk(1, 50, steady(way))
	c.run(500 * time.Millisecond)
	b := c.buffer
	for i := range fadeTo/FrameSize + 2 {
		b.lost()
		b.speech.clear()
		switch power := meanSquare(b.fresh[:]); {
		case i < fadeTo/FrameSize && power < 0.001:
			t.Errorf("the %dth frame lost is silent", i+1)
		case i > fadeTo/FrameSize && power > 0:
			t.Errorf("the %dth frame lost is heard with a power of %g", i+1, power)
		}
	}
}

// Noise is repeated by the longest period, so that it does not buzz.
func TestNoiseHasNoPitch(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	x := make([]float32, history)
	for i := range x {
		x[i] = float32(0.1 * r.NormFloat64())
	}
	var e extension
	if e.begin(nil, x, fadeFrom); e.lag != maxLag {
		t.Errorf("a period of %d samples is repeated, want %d", e.lag, maxLag)
	}
}
