package engine

import (
	"testing"
	"time"

	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/jitter"
)

// chooser tells how it was last asked to conceal.
type chooser struct{ last string }

func (c *chooser) Decode([]byte, []float32) error    { c.last = "good"; return nil }
func (c *chooser) DecodeFEC([]byte, []float32) error { c.last = "good"; return nil }
func (c *chooser) HasFEC([]byte) bool                { return false }
func (c *chooser) Conceal([]float32) error           { c.last = "deep"; return nil }
func (c *chooser) ConcealPlain([]float32) error      { c.last = "plain"; return nil }

// losing is a buffer that has nothing while lost, and a frame otherwise.
type losing struct {
	Buffer
	dec  jitter.Decoder
	lost *bool
}

func (b losing) Active() bool { return true }

func (b losing) Pull(_ time.Duration, out []float32) {
	if *b.lost {
		_ = b.dec.Conceal(out)
	} else {
		_ = b.dec.Decode(nil, out)
	}
}

// Of many who lose the same frame the loudest are made up by the network, the others plainly, each to the end of its
// loss.
func TestLossesOfManyAreBounded(t *testing.T) {
	l := NewListener(ListenerConfig{})
	lost := false
	var decoders []*chooser
	for i := range 8 {
		p := newPeer(uint32(i), "")
		p.level, p.awake = uint8(60-i), true // the last is the loudest, but turned off
		d := &chooser{}
		p.buffer = losing{dec: l.thrifty(d), lost: &lost}
		decoders = append(decoders, d)
		l.awake = append(l.awake, p)
	}
	l.awake[7].volume = 0
	out := make([]float32, FrameSize/2)
	said := func() (s []string) {
		l.Mix(0, out)
		for _, d := range decoders {
			s = append(s, d.last)
		}
		return s
	}
	expect := func(what string, of func(i int) string) {
		t.Helper()
		for i, got := range said() {
			if got != of(i) {
				t.Errorf("%s: talker %d is %s, want %s", what, i, got, of(i))
			}
		}
	}
	good := func(int) string { return "good" }
	loudest := func(i int) string {
		if i == 5 || i == 6 {
			return "deep"
		}
		return "plain"
	}
	expect("no loss", good)
	lost = true
	expect("loss", loudest)
	expect("the next frame is lost, too", loudest)
	lost = false
	expect("after the loss", good)
	lost = true
	expect("another loss", loudest)
	if n := testing.AllocsPerRun(100, func() { l.Mix(0, out) }); n != 0 {
		t.Errorf("%v allocations per block", n)
	}
}

func TestDecodersWithoutChoiceStayAsTheyAre(t *testing.T) {
	l := NewListener(ListenerConfig{})
	if dec := codec.Decoder(&loud{}); l.thrifty(dec) != dec {
		t.Error("wrapped")
	}
}
