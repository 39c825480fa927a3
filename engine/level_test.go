package engine

import (
	"math"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/codec"
)

// Two talkers, 20 dB apart, are about equally loud after some seconds; without Level, and within 3 dB, nothing changes.
func TestListenerLevels(t *testing.T) {
	for _, tt := range []struct {
		level      bool
		dB         float64 // of the speech
		from, upto float64 // what is heard, against what was said
	}{
		{true, -15, 9, 12.5}, {true, 9, -13.5, -6}, {false, -15, -0.5, 0.5},
	} {
		pcm := speech(500, 4)
		for i := range pcm {
			pcm[i] *= float32(math.Pow(10, tt.dB/20))
		}
		talker, o := newTestTalker(t, TalkerConfig{}), newOpener(t, testSession)
		l := NewListener(ListenerConfig{Level: tt.level})
		l.SetSecret(0, 1, testSecret)
		l.AddPeer(testSession, "Ann")
		var heard []float32
		block := make([]float32, FrameSize)
		for n := range 500 {
			now := time.Duration(n) * 20 * time.Millisecond
			d, err := talker.Frame(pcm[n*FrameSize:][:FrameSize])
			if err != nil {
				t.Fatal(err)
			}
			if d != nil {
				if err := l.Handle(now, o.strip(d)); err != nil {
					t.Fatal(err)
				}
			}
			l.Mix(now, block)
			heard = append(heard, block...)
		}
		half := len(pcm) / 2
		power := func(pcm []float32) (sum float64) {
			for _, s := range pcm {
				sum += float64(s) * float64(s)
			}
			return sum
		}
		if got := 10 * math.Log10(power(heard[half:])/power(pcm[half:])); got < tt.from || got > tt.upto {
			t.Errorf("level %v, speech at %d dBov: %.1f dB louder", tt.level, -int(codec.Level(pcm)), got)
		}
	}
}
