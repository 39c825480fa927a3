//go:build cgo

package device

import (
	"testing"

	"github.com/tincan-voice/tincan/audio/device/internal/looping"
)

// A thread of PortAudio that has lost its device, and goes round for ever, comes to an end. One that only has something
// to tell does not.
func TestThreadThatLoopsEnds(t *testing.T) {
	quiet()
	for check, want := range map[string]bool{
		"self->capture.ready || self->playback.ready": true,
		"PaAlsaStream_HandleXrun( self )":             true,
		"alsa_snd_pcm_drop( stream->playback.pcm )":   false,
	} {
		if looping.Ends(check) != want {
			t.Errorf("%s: ended %v", check, !want)
		}
	}
}
