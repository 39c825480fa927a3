package audio_test

import (
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"

	"github.com/tincan-voice/tincan/audio"
)

// A tone of 20 ms becomes a WAV file, and the file a Source again.
func Example() {
	dir, err := os.MkdirTemp("", "tincan")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "tone.wav")

	block := make([]float32, audio.SampleRate/50)
	if _, err := audio.Tone(440, -20).Read(block); err != nil {
		log.Fatal(err)
	}
	sink, err := audio.CreateWAV(path)
	if err != nil {
		log.Fatal(err)
	}
	if err := sink.Write(block); err != nil {
		log.Fatal(err)
	}
	if err := sink.Close(); err != nil {
		log.Fatal(err)
	}

	source, err := audio.OpenFile(path)
	if err != nil {
		log.Fatal(err)
	}
	defer source.Close()
	for {
		n, err := source.Read(block[:600])
		if err == io.EOF {
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(n, "samples")
	}
	// Output:
	// 600 samples
	// 360 samples
}

// What is no sound says what it is, and the error can be matched.
func ExampleOpenFile() {
	dir, err := os.MkdirTemp("", "tincan")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "letter.wav")
	if err := os.WriteFile(path, []byte("this is a letter"), 0o600); err != nil {
		log.Fatal(err)
	}
	_, err = audio.OpenFile(path)
	fmt.Println(errors.Is(err, audio.ErrFormat))
	_, err = audio.OpenFile(filepath.Join(dir, "none.wav"))
	fmt.Println(errors.Is(err, os.ErrNotExist))
	// Output:
	// true
	// true
}

// A microphone of 16 kHz for an engine of 48 kHz: three samples for one.
func ExampleResampler() {
	r, err := audio.NewResampler(16000, audio.SampleRate)
	if err != nil {
		log.Fatal(err)
	}
	r.Push(make([]float32, 320)) // 20 ms
	r.Flush()                    // and no more
	out := make([]float32, 1000)
	fmt.Println(r.Pull(out))
	// Output: 960
}
