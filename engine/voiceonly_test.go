package engine

import (
	"testing"

	"github.com/tincan-voice/tincan/codec"
)

// With VoiceOnly a fan is not sent once it is known, and of speech in it no onset is cut: whatever is 10 dB above the
// noise goes out, though it was found to be speech a frame or two later.
func TestVoiceOnly(t *testing.T) {
	const still, spoken = 200, 300
	pcm := noise(2*still + spoken)
	for i := range pcm {
		pcm[i] *= 0.01
	}
	fan := codec.Level(pcm)
	for i, s := range speech(spoken, 5) {
		pcm[still*FrameSize+i] += s
	}
	for _, stride := range []int{1, 3} {
		talker := newTestTalker(t, TalkerConfig{Encoder: codec.EncoderConfig{DTX: true}, Stride: stride, VoiceOnly: true})
		went := map[int]bool{}
		for _, d := range say(t, talker, newOpener(t, testSession), pcm) {
			for _, f := range d.frames {
				went[int(f.Number)-1] = went[int(f.Number)-1] || len(f.Data) > 0
			}
		}
		idle, cut := 0, 0
		for i := range 2*still + spoken {
			loud := codec.Level(pcm[i*FrameSize:][:FrameSize])+10 < fan
			switch {
			case loud && !went[i]:
				cut++
			case went[i] && (i > still/2 && i < still-3 || i > still+spoken+20):
				idle++
			}
		}
		if cut > 0 || idle > still/50 {
			t.Errorf("stride %d: %d frames of speech cut, %d of noise sent", stride, cut, idle)
		}
	}
}
