package lab

import (
	_ "embed" // for the speech
	"fmt"
	"os"

	"github.com/tincan-voice/tincan/audio"
)

//go:embed testdata/speech.wav
var madeSpeech []byte

// MadeSpeech is what there is to say when no file is given: 14 s of two made voices.
func MadeSpeech() ([]float32, error) {
	f, err := os.CreateTemp("", "tincan-speech-*.wav")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	if _, err := f.Write(madeSpeech); err != nil {
		_ = f.Close()
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	return ReadSpeech(f.Name())
}

// ReadSpeech reads a WAV file of any common rate as the 48 kHz mono of Config.Speech.
func ReadSpeech(path string) ([]float32, error) {
	speech, err := audio.ReadWAV(path)
	if err != nil {
		return nil, err
	}
	if len(speech) == 0 {
		return nil, fmt.Errorf("%w: %s is empty", ErrSpeech, path)
	}
	return speech, nil
}
