package audio

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// A WAV file is a RIFF file: "RIFF", size, "WAVE", then chunks of ID, size and body,
// padded to even length. "fmt " says how the samples in "data" are coded (Microsoft,
// "Multiple channel audio data and WAVE files"; EBU Tech 3285). RIFX is the same with all numbers big-endian. RF64
// and BW64 (EBU Tech 3306, ITU-R BS.2088) have sizes of 64 bits in a chunk "ds64".
//
// Many programs get the sizes wrong, so as few as possible are believed: not that of the whole, and those of
// the chunks only as far as the file goes. It is read in one go, never backwards, so that pipes can be read too.

const (
	// wavUnknown is the size that stands for "look into ds64", or for "to the end".
	wavUnknown = math.MaxUint32
	// Programs that write to a pipe cannot seek back, and put a size near 2^31 or 2^32 that means "to the end".
	wavStreaming = 0x7fff0000
)

// wavHead is what is known when the samples begin.
type wavHead struct {
	order  binary.ByteOrder
	format wavFormat // channels 0: not there yet
	length uint64    // of data according to ds64, bytes; 0: unknown
}

func openWAV(r *bufio.Reader, pipe bool) (sound, error) {
	var start [12]byte
	if _, err := io.ReadFull(r, start[:]); err != nil {
		return nil, cutHeader(err)
	}
	if kind := string(start[8:]); kind != "WAVE" {
		return nil, fmt.Errorf("%w, but a RIFF file of type %q; %s", ErrFormat, kind, convert)
	}
	head := wavHead{order: binary.LittleEndian}
	if string(start[:4]) == "RIFX" {
		head.order = binary.BigEndian
	}
	length, err := head.read(r, pipe)
	if err != nil {
		return nil, cutHeader(err)
	}
	decode, err := head.format.decoder(head.order)
	if err != nil {
		return nil, err
	}
	frame := head.format.channels * head.format.width
	block := min(readBlock, head.format.rate/100) // 10 ms: what a pipe gives is there soon
	if _, err := r.Peek(frame); errors.Is(err, io.EOF) || length < int64(frame) {
		return nil, fmt.Errorf("%w; record it again", ErrEmpty)
	}
	return &wavReader{
		r:      io.LimitReader(r, length),
		format: head.format,
		decode: decode,
		raw:    make([]byte, block*frame),
		pcm:    make([]float32, block*head.format.channels),
		mixer:  newMixer(head.format.channels, head.format.rate),
	}, nil
}

// cutHeader says what the end of the file inside its header means.
func cutHeader(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it ends inside its header; copy or record it again", ErrTruncated)
	}
	return err
}

// read goes up to the start of the samples and returns the most bytes that they may have.
func (h *wavHead) read(r *bufio.Reader, pipe bool) (length int64, err error) {
	empty := false // a data chunk was there
	for {
		id, err := r.Peek(8)
		if errors.Is(err, io.EOF) && empty {
			return 0, nil
		}
		if err != nil {
			return 0, err
		}
		if !chunkID(id) { // too much padding, or a size that is too small
			if _, err := r.Discard(1); err != nil {
				return 0, err
			}
			continue
		}
		name, size := string(id[:4]), h.order.Uint32(id[4:])
		if _, err := r.Discard(8); err != nil {
			return 0, err
		}
		switch name {
		case "data":
			next, err := r.Peek(4)
			if size == 0 && err == nil && chunkID(next) {
				empty = true // rather than of unknown size
				continue
			}
			if h.format.channels == 0 {
				return 0, fmt.Errorf("%w: samples before the description of their format; %s", ErrEncoding, convert)
			}
			return h.dataLength(size, pipe), nil
		case "fmt ":
			err = h.readFormat(r, size)
		case "ds64":
			err = h.readDS64(r, size)
		default:
			err = skip(r, int64(size))
		}
		if err != nil {
			return 0, err
		}
		if size%2 == 1 {
			if next, err := r.Peek(4); err == nil && !chunkID(next) { // some do not pad
				_, _ = r.Discard(1) // it is in the buffer
			}
		}
	}
}

// chunkID tells whether b begins with what may be the ID of a chunk: four printable characters.
func chunkID(b []byte) bool {
	for _, c := range b[:4] {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

func (h *wavHead) dataLength(size uint32, pipe bool) int64 {
	switch {
	case size == wavUnknown && h.length > 0 && h.length < math.MaxInt64:
		return int64(h.length)
	case size == 0, size == wavUnknown, size >= wavStreaming && pipe:
		return math.MaxInt64
	}
	return int64(size)
}

// readFormat reads a chunk "fmt " as far as its fields are known here.
func (h *wavHead) readFormat(r io.Reader, size uint32) (err error) {
	var b [40]byte
	n := min(int(size), len(b))
	if _, err := io.ReadFull(r, b[:n]); err != nil {
		return err
	}
	if h.format, err = parseFormat(b, n, h.order); err != nil {
		return err
	}
	return skip(r, int64(size)-int64(n))
}

// readDS64 reads the sizes of 64 bits; that of the whole comes first and is not needed.
func (h *wavHead) readDS64(r io.Reader, size uint32) error {
	var b [16]byte
	n := min(int(size), len(b))
	if _, err := io.ReadFull(r, b[:n]); err != nil {
		return err
	}
	h.length = h.order.Uint64(b[8:])
	return skip(r, int64(size)-int64(n))
}

// skip reads n bytes for nothing.
func skip(r io.Reader, n int64) error {
	_, err := io.CopyN(io.Discard, r, n)
	return err
}

// wavReader reads frames of all channels and mixes them.
type wavReader struct {
	r      io.Reader
	format wavFormat
	decode func(dst []float32, src []byte)
	raw    []byte
	pcm    []float32 // interleaved
	mixer  *mixer
}

func (w *wavReader) rate() int { return w.format.rate }

func (w *wavReader) free() {}

func (w *wavReader) read(pcm []float32) (int, error) {
	frame := w.format.channels * w.format.width
	n, err := io.ReadFull(w.r, w.raw[:min(len(pcm)*frame, len(w.raw))])
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	n /= frame // what is there of a last frame is left out
	in := w.pcm[:n*w.format.channels]
	w.decode(in, w.raw)
	w.mixer.mix(pcm[:n], in)
	return n, err
}

// ReadWAV reads a whole file as OpenFile does: mono at SampleRate.
func ReadWAV(path string) ([]float32, error) {
	src, err := OpenFile(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = src.Close() }() // only read from
	var pcm []float32
	block := make([]float32, readBlock)
	for {
		n, err := src.Read(block)
		pcm = append(pcm, block[:n]...)
		if errors.Is(err, io.EOF) {
			return pcm, nil
		}
		if err != nil {
			return nil, err
		}
	}
}
