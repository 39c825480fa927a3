package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/tincan-voice/tincan/audio"
	"github.com/tincan-voice/tincan/audio/device"
)

// toneHz and toneLevel are the test tone of `--in tone`: quiet enough to sit beside speech.
const (
	toneHz    = 440
	toneLevel = -20 // dBov
)

// openSource opens what --in names: a file, "tone", "none" (nil), or a capture device.
// Without a name it is the default device, and if there is none the client only
// listens: nil and a line that says so.
func openSource(spec string) (src audio.Source, warning string, err error) {
	switch {
	case spec == "none":
		return nil, "", nil
	case spec == "tone":
		return audio.PacedSource(audio.Tone(toneHz, toneLevel)), "", nil
	case isFile(spec):
		src, err := audio.OpenFile(spec)
		if err != nil {
			return nil, "", err
		}
		return audio.PacedSource(src), "", nil
	}
	mic, err := device.OpenSource(spec)
	switch {
	case err != nil && spec == "":
		return nil, fmt.Sprintf("no microphone, listening only (%v)", err), nil
	case err != nil:
		return nil, "", err
	}
	return mic, "", nil
}

// openSink opens what --out names: a WAV file, "none" (nil), or a playback device.
func openSink(spec string) (audio.Sink, error) {
	switch {
	case spec == "none":
		return nil, nil
	case isFile(spec):
		if !strings.EqualFold(filepath.Ext(spec), ".wav") {
			return nil, fmt.Errorf("--out %s: only WAV files can be written; name it .wav", spec)
		}
		sink, err := audio.CreateWAV(spec)
		if err != nil {
			return nil, err
		}
		return audio.PacedSink(sink), nil
	}
	speaker, err := device.OpenSink(spec)
	switch {
	case err != nil && spec == "":
		return nil, fmt.Errorf("%w; without a sound card use --out none or --out FILE.wav", err)
	case err != nil:
		return nil, err
	}
	return speaker, nil
}

// isFile tells a file from a device: "-" for standard input, what has a path separator in it, what exists and is
// no folder, and names with the ending of a sound file, so that the error about a missing one is clear.
func isFile(spec string) bool {
	if spec == "-" || strings.ContainsRune(filepath.ToSlash(spec), '/') {
		return true
	}
	switch strings.ToLower(filepath.Ext(spec)) {
	case ".wav", ".wave", ".opus", ".ogg", ".oga", ".mp3", ".flac", ".m4a", ".aac", ".aiff", ".webm":
		return true
	}
	info, err := os.Stat(spec)
	return err == nil && !info.IsDir()
}

// isStdin tells whether the input takes standard input, so that no commands can come from there.
func isStdin(spec string) bool { return spec == "-" || spec == "/dev/stdin" }

// begin tells once when the first sample went by.
type begin struct {
	once sync.Once
	tell func(time.Time)
}

func (b *begin) at(t time.Time) { b.once.Do(func() { b.tell(t) }) }

// timedSource tells when the first sample of its Source was captured.
type timedSource struct {
	audio.Source
	begin begin
}

func (s *timedSource) Read(pcm []float32) (int, error) {
	n, err := s.Source.Read(pcm)
	if n > 0 {
		s.begin.at(time.Now().Add(-time.Duration(n) * time.Second / audio.SampleRate))
	}
	return n, err
}

// timedSink tells when the first sample of its Sink was handed over.
type timedSink struct {
	audio.Sink
	begin begin
}

func (s *timedSink) Write(pcm []float32) error {
	s.begin.at(time.Now())
	return s.Sink.Write(pcm)
}

// closeAll closes what was opened when the call did not come about.
func closeAll(src audio.Source, sink audio.Sink) error {
	var errs []error
	if src != nil {
		errs = append(errs, src.Close())
	}
	if sink != nil {
		errs = append(errs, sink.Close())
	}
	return errors.Join(errs...)
}
