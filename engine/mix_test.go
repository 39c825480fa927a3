package engine

import (
	"math"
	"testing"

	"github.com/tincan-voice/tincan/codec"
)

// The mix is the sum of what the codec makes of each talker.
func TestMixOfManyPeers(t *testing.T) {
	const frames = 50
	for _, peers := range []int{1, 2, 32} {
		l := NewListener(ListenerConfig{NewBuffer: newFIFO(0)})
		l.SetSecret(0, 1, testSecret)
		o := newOpener(t, testSession)
		want := make([]float64, frames*FrameSize)
		var talkers []*Talker
		var said [][]float32
		for i := range peers {
			session := uint32(100 + i)
			l.AddPeer(session, "")
			talkers = append(talkers, newTestTalker(t, TalkerConfig{Session: session, Encoder: codec.EncoderConfig{Complexity: 1}}))
			said = append(said, quiet(speech(frames, uint64(i)), peers))
			for j, s := range codecOnly(t, codec.EncoderConfig{Complexity: 1}, said[i]) {
				want[j] += float64(s)
			}
		}
		out := make([]float32, FrameSize)
		worst := 0.0
		for frame := range frames {
			now := frameTime(uint32(frame))
			for i, talker := range talkers {
				d, err := talker.Frame(said[i][frame*FrameSize:][:FrameSize])
				if err != nil {
					t.Fatal(err)
				}
				if err := l.Handle(now, o.strip(d)); err != nil {
					t.Fatal(err)
				}
			}
			l.Mix(now, out)
			for i, s := range out {
				worst = max(worst, math.Abs(float64(s)-want[frame*FrameSize+i]))
			}
		}
		if worst > 1e-5 || peers == 1 && worst != 0 {
			t.Errorf("%d peers: the mix differs by %v from the sum", peers, worst)
		}
	}
}

// quiet scales pcm so that n of it fit below the limiter.
func quiet(pcm []float32, n int) []float32 {
	for i := range pcm {
		pcm[i] /= float32(n)
	}
	return pcm
}

func TestMixStaysInsideFullScale(t *testing.T) {
	l := newTestListener()
	o := newOpener(t, testSession)
	var talkers []*Talker
	for i := range 8 {
		l.AddPeer(uint32(i+1), "")
		l.SetVolume(uint32(i+1), MaxVolume)
		talkers = append(talkers, newTestTalker(t, TalkerConfig{Session: uint32(i + 1), Encoder: codec.EncoderConfig{Complexity: 1}}))
	}
	pcm := noise(50)
	out := make([]float32, FrameSize)
	loudest := float32(0)
	for frame := range 50 {
		for _, talker := range talkers {
			d, _ := talker.Frame(pcm[frame*FrameSize:][:FrameSize])
			if err := l.Handle(frameTime(uint32(frame)), o.strip(d)); err != nil {
				t.Fatal(err)
			}
		}
		l.Mix(frameTime(uint32(frame)), out)
		loudest = max(loudest, peak(out))
	}
	if loudest > 1 || loudest < 0.5 {
		t.Errorf("peak %v", loudest)
	}
}

func TestVolume(t *testing.T) {
	level := func(volume float32) float64 {
		l := newTestListener(testSession)
		if !l.SetVolume(testSession, volume) {
			t.Fatal("no such peer")
		}
		heard := play(t, newTestTalker(t, TalkerConfig{}), l, speech(100, 1), clean, 480)
		var sum float64
		for _, s := range heard[FrameSize*50:] {
			sum += float64(s) * float64(s)
		}
		return math.Sqrt(sum)
	}
	full := level(1)
	if half := level(0.5); math.Abs(half/full-0.5) > 0.001 {
		t.Errorf("volume 0.5 is %v of full", half/full)
	}
	if silent := level(0); silent != 0 {
		t.Errorf("volume 0 gives %v", silent)
	}
	if newTestListener().SetVolume(5, 1) {
		t.Error("set the volume of nobody")
	}
}
