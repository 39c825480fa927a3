package audio

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
)

// OpenFile opens a WAV or an Ogg Opus file as a Source, whichever its first bytes
// say it is. Any number of channels becomes one, their mean; any rate from MinRate to MaxRate becomes
// SampleRate. WAV may be integer PCM of 8, 16, 24 or 32 bits or float of 32 or 64, plain or
// extensible. The file is read as it is played: memory does not grow with its length.
//
// Errors: ErrFormat, ErrEncoding, ErrTruncated, ErrEmpty, or the operating system's.
func OpenFile(path string) (Source, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("audio: %w", err)
	}
	src, err := openFile(f)
	if err != nil {
		_ = f.Close() // only read from
		return nil, fmt.Errorf("audio: %s: %w", path, err)
	}
	return src, nil
}

func openFile(f *os.File) (Source, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w, not even a regular file", ErrFormat)
	}
	if info.Size() == 0 {
		return nil, fmt.Errorf("%w: it has 0 bytes; was it written completely?", ErrEmpty)
	}
	var magic [4]byte
	if _, err := io.ReadFull(f, magic[:]); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	switch string(magic[:]) {
	case "RIFF":
		return openWAV(f, info.Size())
	case "OggS":
		return openOpus(f)
	default:
		return nil, fmt.Errorf("%w; convert it, for example: ffmpeg -i IN -ac 1 -ar 48000 OUT.wav", ErrFormat)
	}
}

// readBlock is how many samples a file is read by at once.
const readBlock = 1024

// fileSource is a Source over a reader of mono samples at some other rate.
type fileSource struct {
	path   string
	read   func(pcm []float32) (int, error) // like Source.Read, at the file's rate
	stop   func() error
	closed atomic.Bool

	rate *Resampler
	in   []float32
	done error // what read ended with
}

func newFileSource(path string, rate int, read func([]float32) (int, error), stop func() error) (*fileSource, error) {
	r, err := NewResampler(rate, SampleRate)
	if err != nil {
		return nil, err
	}
	return &fileSource{path: path, read: read, stop: stop, rate: r, in: make([]float32, readBlock)}, nil
}

func (f *fileSource) Read(pcm []float32) (int, error) {
	if f.closed.Load() {
		return 0, ErrClosed
	}
	n := f.rate.Pull(pcm)
	for n < len(pcm) && f.done == nil {
		m, err := f.read(f.in)
		f.rate.Push(f.in[:m])
		if err != nil {
			f.end(err)
		}
		n += f.rate.Pull(pcm[n:])
	}
	clear(pcm[n:])
	if n == 0 && len(pcm) > 0 {
		return 0, f.done
	}
	return n, nil
}

// end keeps the reason and lets out what the resampler still has.
func (f *fileSource) end(err error) {
	switch {
	case f.closed.Load():
		err = ErrClosed
	case !errors.Is(err, io.EOF):
		err = fmt.Errorf("audio: %s: %w", f.path, err)
	}
	f.done = err
	f.rate.Flush()
}

func (f *fileSource) Close() error {
	if f.closed.Swap(true) {
		return nil
	}
	return f.stop()
}
