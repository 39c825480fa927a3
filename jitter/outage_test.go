package jitter

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// Datagrams of 6 frames of which every sixth comes 990 ms late for 8 s, then a pause of 1.5 s, then a perfect path:
// what is said then is heard.
func TestATargetAboveTheCeilingIsNotWaitedFor(t *testing.T) {
	c := newCall(Config{})
	for n := 6; n < 2000; n += 6 {
		at := time.Duration(n+1)*FrameDuration + 30*time.Millisecond
		switch {
		case n >= 400 && n < 475:
			continue
		case n < 400 && n/6%6 == 0:
			at += 990 * time.Millisecond
		}
		c.sent = append(c.sent, datagram{at, framesOf(n, 6)})
	}
	c.run(38 * time.Second)
	heard := time.Duration(0)
	for _, s := range c.segments {
		if duration(s.at) > 10*time.Second && s.Kind == Decoded {
			heard += duration(int64(s.Out))
		}
	}
	if heard < 27500*time.Millisecond {
		t.Errorf("%v of 28 s are heard on a perfect path", heard)
	}
}

// With the least ceiling and much more jitter, what can be played is played.
func TestJitterAboveTheCeiling(t *testing.T) {
	c := newCall(Config{MaxDelay: 60 * time.Millisecond})
	c.talk(1, 1980, jittered(rand.New(rand.NewPCG(9, 9)), 30*time.Millisecond, 250*time.Millisecond))
	c.run(40 * time.Second)
	s := c.buffer.Stats()
	wantBelow(t, "target", s.Target, 60*time.Millisecond)
	wantBelow(t, "dropped", time.Duration(s.Dropped)*FrameDuration, 2*time.Second)
}

// record plays the call and returns the sound.
func (c *call) record(d time.Duration) (sound []float32) {
	pull := make([]float32, c.block)
	for now := duration(c.played); now < d; now = duration(c.played) {
		for len(c.sent) > 0 && c.sent[0].at <= now {
			c.buffer.Push(c.sent[0].at, c.sent[0].frames)
			c.sent = c.sent[1:]
		}
		c.buffer.Pull(now, pull)
		sound = append(sound, pull...)
	}
	return sound
}

// After an outage of 0.6 to 1 s whose clump comes in parts, as recorded EV-DO has it, speech goes on once, and not with
// a scrap of old speech; and nothing begins or ends with an edge.
func TestSpeechGoesOnOnceAfterAnOutage(t *testing.T) {
	for _, outage := range []int{25, 30, 40, 50} { // frames
		for _, parts := range []time.Duration{0, 12 * time.Millisecond, 30 * time.Millisecond} {
			c := newCall(Config{})
			c.talk(1, 2000, func(n int) time.Duration {
				if n >= 1000 && n < 1000+outage {
					return time.Duration(1000+outage-n)*FrameDuration + 30*time.Millisecond + time.Duration(n-1000)/13*parts
				}
				return 30 * time.Millisecond
			})
			sound := c.record(30 * time.Second)
			from := 1001 * FrameDuration
			joins, before := 0, uint32(0)
			for _, s := range c.segments {
				if at := duration(s.at); s.Kind != Decoded || at < from || at > from+3*time.Second {
					if s.Kind == Decoded {
						before = s.Frame
					}
					continue
				}
				if s.Frame > before+1 {
					joins++
				}
				before = s.Frame
			}
			if joins > 1 {
				t.Errorf("outage of %d frames in parts %v: speech goes on %d times", outage, parts, joins)
			}
			edge := 0.0
			for i := 1; i < len(sound); i++ {
				edge = max(edge, math.Abs(float64(sound[i]-sound[i-1])))
			}
			wantBelow(t, "steepest step", edge, 0.02) // of the vowel itself 0.0105
		}
	}
}

// A vowel of which now and then one late frame comes dies away: what is made up after such a frame is not louder
// than what was before it.
func TestTheExtensionGoesOnFalling(t *testing.T) {
	c := newCall(Config{})
	c.talk(1, 1000, func(n int) time.Duration {
		if n >= 500 && n < 560 && n%7 != 0 {
			return -1
		}
		return 30 * time.Millisecond
	})
	sound := c.record(20 * time.Second)
	falling := float32(-1) // power of the 10 ms of what was made up last
	runs := 0
	for i, s := range c.segments {
		if at := duration(s.at); at < 500*FrameDuration || at > 560*FrameDuration || s.Kind != Concealed {
			continue
		}
		if before := c.segments[i-1].Kind; before == Decoded && falling >= 0 {
			runs++
			// Its first 10 ms lead from the frame that was heard to the level of the extension.
			if power := meanSquare(sound[s.at+480:][:480]); power > 1.1*falling+1e-6 {
				t.Errorf("at %v the extension swells from %.5f to %.5f", duration(s.at), falling, power)
			}
		}
		if end := s.at + int64(s.Out); s.Out > 0 && end >= 480 {
			falling = meanSquare(sound[end-480 : end])
		}
	}
	if runs < 4 {
		t.Fatalf("made up after a late frame %d times, want more", runs)
	}
}

// The background goes on while nothing comes, also where it is louder than -50 dBov.
func TestBackgroundGoesOn(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, level := range []float64{-60, -48, -40} {
		c := newCall(Config{})
		codec := &hissing{r: r, level: float32(math.Pow(10, level/20))}
		c.buffer = New(codec, Config{Trace: func(s Segment) { c.played += int64(s.Out) }})
		c.talk(1, 300, steady(30*time.Millisecond)) // then an outage
		sound := c.record(7500 * time.Millisecond)
		power := float64(meanSquare(sound[int(6.6*SampleRate):int(7.4*SampleRate)]))
		if got := 10 * math.Log10(power+1e-12); got < level-6 || got > level+3 {
			t.Errorf("background of %v dBov is at %.0f dBov in an outage", level, got)
		}
	}
}

// hissing is a vowel with pauses over a steady noise.
type hissing struct {
	fakeCodec
	r     *rand.Rand
	level float32
	n     int
}

func (h *hissing) Decode(frame []byte, pcm []float32) error {
	if err := h.fakeCodec.Decode(frame, pcm); err != nil {
		return err
	}
	h.n++
	for i := range pcm {
		if h.n%25 < 8 {
			pcm[i] = 0
		}
		pcm[i] += h.level * float32(h.r.NormFloat64())
	}
	return nil
}
