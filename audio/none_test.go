//go:build !cgo && !gopus

package audio_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/tincan-voice/tincan/audio"
)

// Ogg Opus is recognised and refused, with the remedies; Ogg of other kinds is named as ever.
func TestWithoutCgoThereIsNoOpus(t *testing.T) {
	six, err := os.ReadFile("testdata/one-of-six.opus")
	if err != nil {
		t.Fatal(err)
	}
	_, err = audio.OpenFile(writeFile(t, six))
	if !errors.Is(err, audio.ErrNoOpus) || errors.Is(err, audio.ErrFormat) {
		t.Errorf("%v, want ErrNoOpus", err)
	}
	for _, remedy := range []string{"ffmpeg", "CGO_ENABLED=1"} {
		if err != nil && !strings.Contains(err.Error(), remedy) {
			t.Errorf("%v does not say %s", err, remedy)
		}
	}
}
