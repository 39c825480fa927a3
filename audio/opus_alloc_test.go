//go:build cgo && !gopus

package audio_test

import (
	"testing"

	"github.com/tincan-voice/tincan/audio"
)

func TestOpusReadDoesNotAllocate(t *testing.T) {
	src, err := audio.OpenFile(writeFile(t, opusFile(t, make([]float32, 480000), 1)))
	if err != nil {
		t.Fatal(err)
	}
	pcm := make([]float32, 960)
	if n := testing.AllocsPerRun(200, func() { _, _ = src.Read(pcm) }); n != 0 {
		t.Errorf("%v allocations per block", n)
	}
	if err := src.Close(); err != nil {
		t.Error(err)
	}
}
