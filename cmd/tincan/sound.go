package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tincan-voice/tincan/audio"
	"github.com/tincan-voice/tincan/audio/device"
)

// toneHz and toneLevel are the test tone of `--in tone`: quiet enough to sit beside speech.
const (
	toneHz    = 440
	toneLevel = -20 // dBov
)

// checkSound tells what is wrong with --in and --out, as far as that shows before anything is opened but the
// input file.
func (c *JoinCmd) checkSound() error {
	if isFile(c.In) && !streams(c.In) {
		src, err := audio.OpenFile(c.In)
		if err != nil {
			return err
		}
		_ = src.Close() // only read from
	}
	if isFile(c.Out) {
		return checkOutput("--out", c.Out, c.Overwrite, c.In)
	}
	return nil
}

// sound is what is heard and said in a call, once it is open.
type sound struct {
	devices            *devices
	warn               func(text string)
	capturing, playing func(time.Time) // when the first sample went by
	source             *timedSource    // nil: none
}

// opened is what --in and --out name.
type opened struct {
	source  audio.Source // nil: none
	sink    audio.Sink   // nil: none
	warning string       // "": none
	err     error        // then nothing is open
}

// openBoth opens what --in and --out name, when the relay has answered.
func openBoth(keeper *device.Keeper, in, out string, overwrite bool) (o opened) {
	o.source, o.warning, o.err = openSource(keeper, in)
	if o.err != nil {
		return opened{err: o.err}
	}
	if o.sink, o.err = openSink(keeper, out, overwrite); o.err != nil {
		err := o.err
		if o.source != nil {
			err = errors.Join(err, o.source.Close())
		}
		return opened{err: err}
	}
	return o
}

// close gives back what nobody waits for any more.
func (o opened) close() {
	if o.source != nil {
		_ = o.source.Close()
	}
	if o.sink != nil {
		_ = o.sink.Close()
	}
}

// take takes what was opened for the call.
func (s *sound) take(o opened) (audio.Source, audio.Sink, error) {
	if o.err != nil {
		return nil, nil, o.err
	}
	if o.warning != "" {
		s.warn(o.warning)
	}
	in, _ := s.devices.names()
	sink := s.devices.sink(o.sink)
	if sink != nil {
		sink = &timedSink{Sink: sink, begin: begin{tell: s.playing}}
	}
	if o.source == nil {
		return nil, sink, nil
	}
	s.source = &timedSource{Source: s.devices.source(o.source, in), begin: begin{tell: s.capturing}}
	return s.source, sink, nil
}

// silent tells whether the input, if there is one, has not given a sample yet.
func (s *sound) silent() bool { return s.source != nil && !s.source.begin.done.Load() }

// openSource opens what --in names: a file, "tone", "none" (nil), or a capture device.
// Without a name it is the default device, and if there is none the client only
// listens: nil and a line that says so.
func openSource(keeper *device.Keeper, spec string) (src audio.Source, warning string, err error) {
	open := func() (audio.Source, error) {
		src, err := audio.OpenFile(spec)
		if err != nil {
			return nil, err
		}
		return audio.PacedSource(src), nil
	}
	switch {
	case spec == "none":
		return nil, "", nil
	case spec == "tone":
		return audio.PacedSource(audio.Tone(toneHz, toneLevel)), "", nil
	case streams(spec):
		return newLateSource(open), "", nil
	case isFile(spec):
		src, err := open()
		return src, "", err
	}
	mic, err := keeper.OpenSource(spec)
	switch {
	case err != nil && spec == "":
		return nil, fmt.Sprintf("no microphone, listening only (%v)", err), nil
	case err != nil:
		return nil, "", err
	}
	return mic, "", nil
}

// openSink opens what --out names: a WAV file, "none" (nil), or a playback device.
func openSink(keeper *device.Keeper, spec string, overwrite bool) (audio.Sink, error) {
	switch {
	case spec == "none":
		return nil, nil
	case isFile(spec):
		sink, err := createWAV(spec, overwrite)
		if err != nil {
			return nil, err
		}
		return audio.PacedSink(sink), nil
	}
	speaker, err := keeper.OpenSink(spec)
	switch {
	case err != nil && spec == "":
		return nil, fmt.Errorf("%w; without a sound card use --out none or --out FILE.wav", err)
	case err != nil:
		return nil, err
	}
	return speaker, nil
}

// isDevice tells a device from a file, a tone and nothing.
func isDevice(spec string) bool { return spec != "none" && spec != "tone" && !isFile(spec) }

// isFile tells a file name from a device name: "-", a file that is there, a path from the root or from here, or an
// ending of sound files. Endings that cannot be read or written are here too: the error about them is clearer than
// "no such device". A slash alone says nothing: devices have them in their names.
func isFile(spec string) bool {
	switch strings.ToLower(filepath.Ext(spec)) {
	case ".wav", ".wave", ".opus", ".ogg", ".oga", ".mp3", ".flac", ".m4a", ".aac", ".aiff", ".webm":
		return true
	}
	if spec == "" || spec == "none" || spec == "tone" {
		return false
	}
	if spec == "-" || filepath.IsAbs(spec) || strings.HasPrefix(spec, "./") || strings.HasPrefix(spec, "../") {
		return true
	}
	info, err := os.Stat(spec)
	return err == nil && !info.IsDir()
}

// streams tells whether a file is none that is simply there: standard input, a FIFO, a terminal.
func streams(spec string) bool {
	if !isFile(spec) {
		return false
	}
	info, err := os.Stat(spec)
	return spec == "-" || err == nil && !info.Mode().IsRegular() && !info.IsDir()
}

// isStdin tells whether a file is standard input by another name, /dev/stdin for example.
func isStdin(spec string, in io.Reader) bool {
	if spec == "-" {
		return true
	}
	f, ok := in.(*os.File)
	if !ok || !streams(spec) {
		return false
	}
	a, errA := os.Stat(spec)
	b, errB := f.Stat()
	return errA == nil && errB == nil && os.SameFile(a, b)
}

// begin tells once when the first sample went by.
type begin struct {
	done atomic.Bool
	tell func(time.Time)
}

func (b *begin) at(t time.Time) {
	if !b.done.Swap(true) {
		b.tell(t)
	}
}

// timedSource tells when the first sample of its Source was captured.
type timedSource struct {
	audio.Source
	begin begin
}

// Latency is that of the Source.
func (s *timedSource) Latency() time.Duration { return audio.Latency(s.Source) }

// Missed is that of the Source.
func (s *timedSource) Missed() time.Duration { return audio.Missed(s.Source) }

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

// Latency is that of the Sink.
func (s *timedSink) Latency() time.Duration { return audio.Latency(s.Sink) }

// Missed is that of the Sink.
func (s *timedSink) Missed() time.Duration { return audio.Missed(s.Sink) }

func (s *timedSink) Write(pcm []float32) error {
	s.begin.at(time.Now())
	return s.Sink.Write(pcm)
}
