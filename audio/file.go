package audio

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
)

// OpenFile opens a WAV or an Ogg Opus file as a Reader, which PacedSource makes a Source. Its first bytes tell which it
// is, not its name. "-" and "/dev/stdin" are standard input, which Close leaves open. Any rate from
// MinRate to MaxRate becomes SampleRate. Several channels become one, the mean of those that carry sound: never
// louder than the loudest, and not made quieter by silent ones (D. Dugan, "Automatic Microphone Mixing", JAES 23(6),
// 1975). The file is read as it is played: memory does not grow with its length.
//
// WAV is RIFF, RIFX, RF64 or BW64, also behind an ID3 tag, with integers of 1 to 8 bytes, float of 32 or 64 bits, A-law
// or mu-law, plain or extensible. Where its sizes are wrong, what is there is played. Ogg Opus may be a chain of
// links, each with channels, gain and pre-skip of its own.
//
// A pipe, a FIFO or a socket is not waited for: OpenFile returns at once, the first Read reads the header and
// returns what is wrong with it. On Linux Close ends a Read that waits for one, also for a FIFO that nobody has
// opened to write; elsewhere Read, Close and the opening of a FIFO wait for the writer.
//
// Errors: ErrFormat, ErrEncoding, ErrTruncated, ErrEmpty, or the operating system's.
func OpenFile(path string) (Reader, error) {
	name := path
	if isStdin(path) {
		name = "standard input"
	}
	f, err := openInput(path)
	if err != nil {
		return nil, fmt.Errorf("audio: %w", err)
	}
	src := &fileSource{path: name, file: f}
	if err := src.inspect(); err != nil {
		_ = src.Close() // only read from
		return nil, fmt.Errorf("audio: %s: %w", name, err)
	}
	return src, nil
}

func isStdin(path string) bool { return path == "-" || path == "/dev/stdin" }

// input is what is read: *os.File, or standard input.
type input interface {
	io.ReadCloser
	Stat() (fs.FileInfo, error)
}

// sound is what the reader of a format gives: mono samples at a rate of its own.
type sound interface {
	rate() int
	// read is like Source.Read, at that rate.
	read(pcm []float32) (int, error)
	// free is called once, after the last read.
	free()
}

// readBlock is how many samples a file is read by at once.
const readBlock = 1024

// fileSource is a Source over a file.
type fileSource struct {
	path   string
	file   input
	pipe   bool
	closed atomic.Bool

	mu    sync.Mutex // lets Close wait for the end of a pending Read, which it has made fail
	sound sound      // nil until the header has been read
	rate  *Resampler
	in    []float32
	done  error // what reading ended with
}

// inspect looks at the kind of file, and at its header where that does not wait for anybody.
func (f *fileSource) inspect() error {
	info, err := f.file.Stat()
	if err != nil {
		return err
	}
	switch mode := info.Mode(); {
	case mode.IsRegular():
		return f.begin()
	case mode&(fs.ModeNamedPipe|fs.ModeSocket) != 0:
		f.pipe = true
		return nil
	case mode.IsDir():
		return fmt.Errorf("%w, but a folder", ErrFormat)
	default:
		return fmt.Errorf("%w, but a terminal or another device", ErrFormat)
	}
}

// begin reads the header.
func (f *fileSource) begin() error {
	if f.pipe {
		if err := awaitWriter(f.file); err != nil {
			return err
		}
	}
	r := bufio.NewReaderSize(f.file, fileBuffer)
	s, err := openSound(r, f.pipe)
	if err != nil {
		return err
	}
	if f.rate, err = NewResampler(s.rate(), SampleRate); err != nil {
		s.free()
		return err
	}
	f.sound, f.in = s, make([]float32, readBlock)
	return nil
}

func (f *fileSource) Read(pcm []float32) (int, error) {
	if f.closed.Load() {
		return 0, ErrClosed
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.sound == nil && f.done == nil {
		if err := f.begin(); err != nil {
			f.end(err)
		}
	}
	n := 0
	if f.sound != nil {
		n = f.fill(pcm)
	}
	clear(pcm[n:])
	if n == 0 && len(pcm) > 0 {
		return 0, f.done
	}
	return n, nil
}

func (f *fileSource) fill(pcm []float32) int {
	n := f.rate.Pull(pcm)
	for n < len(pcm) && f.done == nil {
		m, err := f.sound.read(f.in)
		f.rate.Push(f.in[:m])
		if err != nil {
			f.end(err)
			f.rate.Flush()
		}
		n += f.rate.Pull(pcm[n:])
	}
	return n
}

// end keeps the reason.
func (f *fileSource) end(err error) {
	switch {
	case f.closed.Load():
		err = ErrClosed
	case !errors.Is(err, io.EOF):
		err = fmt.Errorf("audio: %s: %w", f.path, err)
	}
	f.done = err
}

func (f *fileSource) Close() error {
	if f.closed.Swap(true) {
		return nil
	}
	err := f.file.Close() // a pending Read fails now
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.sound != nil {
		f.sound.free()
		f.sound = nil
	}
	return err
}

// openPath is openInput for what has a name.
func openPath(path string, flags int) (input, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|flags, 0)
	if err != nil {
		return nil, err // not a nil *os.File in an interface
	}
	return f, nil
}
