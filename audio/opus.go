package audio

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"gopkg.in/hraban/opus.v2"
)

// The first page of an Ogg Opus file (RFC 7845 section 5.1) holds the identification header
// alone: 27 bytes of page header and one lacing value (RFC 3533 section 6), then "OpusHead", a
// version byte and the number of channels.
const (
	opusHead      = 28
	opusChannels  = opusHead + 9
	opusFirstPage = opusHead + 19
)

// opusReader reads an Ogg Opus file with libopusfile, which always decodes at 48 kHz, and
// mixes the channels down to their mean.
type opusReader struct {
	mu       sync.Mutex // libopusfile is not safe for Close during Read; nobody else uses it
	stream   *opus.Stream
	closed   bool
	heard    bool // a sample has been read
	channels int
	buf      []float32 // interleaved
}

func openOpus(f *os.File) (Source, error) {
	var page [opusFirstPage]byte
	if _, err := io.ReadFull(f, page[:]); err != nil {
		return nil, fmt.Errorf("%w: it ends inside its header; copy or record it again", ErrTruncated)
	}
	if !bytes.HasPrefix(page[opusHead:], []byte("OpusHead")) || page[opusChannels] == 0 {
		return nil, fmt.Errorf("%w, but some other sound in Ogg; convert it, for example: ffmpeg -i IN -c:a libopus OUT.opus", ErrFormat)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	stream, err := opus.NewStream(f)
	if err != nil {
		return nil, fmt.Errorf("%w: %w; copy or record it again", ErrTruncated, err)
	}
	o := &opusReader{stream: stream, channels: int(page[opusChannels])}
	// libopusfile wants room for the longest packet, 120 ms.
	o.buf = make([]float32, SampleRate*120/1000*o.channels)
	return newFileSource(f.Name(), SampleRate, o.read, o.close)
}

func (o *opusReader) read(pcm []float32) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return 0, ErrClosed
	}
	want := min(len(pcm)*o.channels, len(o.buf))
	n, err := o.stream.ReadFloat32(o.buf[:want])
	for errors.Is(err, opus.ErrStreamHole) { // data is missing here, reading may go on
		n, err = o.stream.ReadFloat32(o.buf[:want])
	}
	switch {
	case errors.Is(err, io.EOF) && !o.heard:
		return 0, fmt.Errorf("%w; record it again", ErrEmpty)
	case err != nil && !errors.Is(err, io.EOF):
		return 0, fmt.Errorf("%w: %w", ErrTruncated, err)
	}
	o.heard = true
	// In a chain of streams the number of channels may change without notice, and n with it.
	n = min(n, want/o.channels)
	for i := range n {
		var sum float32
		for _, s := range o.buf[i*o.channels:][:o.channels] {
			sum += s
		}
		pcm[i] = sum / float32(o.channels)
	}
	return n, err
}

func (o *opusReader) close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	return o.stream.Close() // closes the file as well
}
