package codec_test

import (
	"testing"

	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/codec/internal/sounds"
)

// perFrame is what is done once per frame besides coding.
func perFrame() map[string]func() {
	talk := sounds.Speech(50)
	var vad codec.VAD
	i := 0
	next := func() []float32 { i = (i + 1) % 50; return sounds.Frame(talk, i) }
	packet := []byte{0x48, 0x40}
	return map[string]func(){
		"Level":    func() { codec.Level(next()) },
		"VAD":      func() { vad.Voice(next()) },
		"packets":  func() { codec.IsFrame(packet); codec.HasFEC(packet); codec.Unvoiced(packet) },
		"Complete": func() { _, _ = codec.EncoderConfig{FEC: true}.Complete() },
	}
}

func TestHotCallsDoNotAllocate(t *testing.T) {
	for name, call := range perFrame() {
		if n := testing.AllocsPerRun(100, call); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// One operation is one frame of 20 ms.
func BenchmarkPerFrame(b *testing.B) {
	for name, call := range perFrame() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				call()
			}
		})
	}
}
