package audio

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"sync"
)

const (
	wavHeaderSize = 44
	wavMaxData    = math.MaxUint32 - wavHeaderSize - SampleRate // bytes, well inside RIFF's 32-bit sizes
)

// CreateWAV makes or replaces a file and returns a Writer of it: 48 kHz mono
// 16-bit PCM. Samples are rounded to the nearest step (1/32768) and clipped. The sizes in the header are
// set after every Write, so the file can be played at any moment, also when the process was killed.
// Write fails with ErrTooLong after 12 hours.
func CreateWAV(path string) (Writer, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("audio: %w", err)
	}
	w := &wavWriter{path: path, f: f}
	if _, err := f.Write(appendWAVHeader(nil, 0)); err != nil {
		return nil, errors.Join(w.wrap(err), f.Close())
	}
	return w, nil
}

type wavWriter struct {
	path string
	f    *os.File

	mu     sync.Mutex // serialises Write and Close; nobody else uses it
	length int64      // bytes of samples
	buf    []byte
	closed bool
}

func (w *wavWriter) Write(pcm []float32) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return ErrClosed
	}
	if w.length+2*int64(len(pcm)) > wavMaxData {
		return w.wrap(ErrTooLong)
	}
	w.buf = w.buf[:0]
	for _, s := range pcm {
		w.buf = binary.LittleEndian.AppendUint16(w.buf, uint16(toInt16(s)))
	}
	n, err := w.f.Write(w.buf)
	w.length += int64(n)
	if err != nil {
		return w.wrap(err)
	}
	w.buf = appendWAVHeader(w.buf[:0], uint32(w.length))
	if _, err := w.f.WriteAt(w.buf, 0); err != nil {
		return w.wrap(err)
	}
	return nil
}

func (w *wavWriter) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil
	}
	w.closed = true
	if err := w.f.Close(); err != nil {
		return w.wrap(err)
	}
	return nil
}

func (w *wavWriter) wrap(err error) error { return fmt.Errorf("audio: %s: %w", w.path, err) }

// appendWAVHeader appends the header of a file with so many bytes of samples.
func appendWAVHeader(b []byte, length uint32) []byte {
	const width = 2 // bytes per frame
	le := binary.LittleEndian
	b = append(b, "RIFF"...)
	b = le.AppendUint32(b, wavHeaderSize-8+length)
	b = append(b, "WAVEfmt "...)
	b = le.AppendUint32(b, 16)
	b = le.AppendUint16(b, wavePCM)
	b = le.AppendUint16(b, 1) // channels
	b = le.AppendUint32(b, SampleRate)
	b = le.AppendUint32(b, SampleRate*width)
	b = le.AppendUint16(b, width)
	b = le.AppendUint16(b, 8*width)
	b = append(b, "data"...)
	return le.AppendUint32(b, length)
}

// toInt16 rounds and clips; what is no number is silence.
func toInt16(s float32) int16 {
	x := math.RoundToEven(float64(s) * (1 << 15))
	if math.IsNaN(x) {
		return 0
	}
	return int16(max(math.MinInt16, min(x, math.MaxInt16)))
}
