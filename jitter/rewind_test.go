package jitter

import (
	"encoding/binary"
	"testing"
	"time"
)

// rewinding is a fakeCodec that can go back. It checks that it decodes each frame right behind the one before it,
// unless frames between them were given up.
type rewinding struct {
	fakeCodec
	t        *testing.T
	last     uint32 // decoded
	invented int    // frames since
	saved    int
	rewound  int
}

func (r *rewinding) Decode(frame []byte, pcm []float32) error {
	n := binary.BigEndian.Uint32(frame)
	if r.last > 0 && n == r.last+1 && r.invented > 0 {
		r.t.Errorf("frame %d is decoded behind %d invented ones", n, r.invented)
	}
	r.last, r.invented = n, 0
	return r.fakeCodec.Decode(frame, pcm)
}

func (r *rewinding) Conceal(pcm []float32) error {
	r.invented++
	return r.fakeCodec.Conceal(pcm)
}

func (r *rewinding) Save() { r.saved = r.invented }

func (r *rewinding) Rewind() {
	r.rewound++
	r.invented = r.saved
}

// rewindable makes the call's codec one that can go back.
func (c *call) rewindable(t *testing.T) *rewinding {
	r := &rewinding{t: t}
	c.codec = &r.fakeCodec
	c.buffer.dec, c.buffer.rewinder = r, r
	return r
}

// While a frame is late the decoder invents, and goes on where it was as soon as the frame is here.
func TestALateFrameIsDecodedAsIfNothingHadBeen(t *testing.T) {
	c := newCall(Config{})
	r := c.rewindable(t)
	c.talk(0, 500, func(n int) time.Duration {
		if k := n % 100; k >= 50 && k < 54 { // they come together
			return 10*time.Millisecond + time.Duration(54-k)*FrameDuration
		}
		return 10 * time.Millisecond
	})
	c.run(10 * time.Second)
	if r.rewound == 0 || c.share(Concealed, 0, 10*time.Second) == 0 {
		t.Errorf("it went back %d times, %.3f was invented: this tests nothing", r.rewound, c.share(Concealed, 0, 10*time.Second))
	}
	if c.buffer.stats.Lost > 0 {
		t.Errorf("%d frames are lost", c.buffer.stats.Lost)
	}
}

// What was invented for a late frame stands for it when it turns out to be lost: nothing is made and thrown away but
// the rest of one frame for each that came after all.
func TestWhatIsInventedIsHeard(t *testing.T) {
	c := newCall(Config{})
	r := c.rewindable(t)
	c.talk(0, 1000, func(n int) time.Duration {
		if n%50 >= 45 {
			return -1
		}
		return 10 * time.Millisecond
	})
	c.run(20 * time.Second)
	heard := 0
	for _, s := range c.segments {
		if s.Kind == Concealed {
			heard += s.Out
		}
	}
	waste := c.codec.conceals - heard/FrameSize
	if c.buffer.stats.Lost < 50 || waste > 1000/50+r.rewound {
		t.Errorf("%d frames invented, %d heard, %d lost, back %d times", c.codec.conceals, heard/FrameSize, c.buffer.stats.Lost, r.rewound)
	}
}
