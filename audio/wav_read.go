package audio

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/go-audio/riff"
)

// A WAV file is a RIFF file: "RIFF", size, "WAVE", then chunks of ID, size and body,
// padded to even length. "fmt " says how the samples in "data" are coded (Microsoft,
// "Multiple channel audio data and WAVE files"; EBU Tech 3285).
//
// github.com/go-audio/riff walks the chunks. The decoder above it, go-audio/wav, is not used: at
// v1.1.0 it drops the sub-format of extensible files, takes float for integers, counts the
// padding of an odd data chunk as a sample and allocates what a broken header asks for.

const (
	wavePCM        = 1
	waveFloat      = 3
	waveExtensible = 0xfffe

	// Programs that cannot seek back write a size near 2^31 or 2^32, or 0, meaning "to
	// the end of the file".
	wavStreaming = 0x7fff0000

	maxChannels = 64
)

type wavFormat struct {
	code     uint16
	channels int
	rate     int
	bits     int
}

// waveFmt is the start of a "fmt " chunk; waveExt is what follows in extensible ones.
type waveFmt struct {
	Code, Channels   uint16
	Rate, ByteRate   uint32
	BlockAlign, Bits uint16
}

type waveExt struct {
	Size, ValidBits uint16
	ChannelMask     uint32
	SubFormat       uint16 // first two bytes of the GUID
	_               [14]byte
}

func openWAV(f *os.File, size int64) (Source, error) {
	format, length, err := wavHeader(f, size)
	if err != nil {
		return nil, err
	}
	decode, err := format.decoder()
	if err != nil {
		return nil, err
	}
	w := &wavReader{
		r:        bufio.NewReaderSize(io.LimitReader(f, length), 1<<16),
		frame:    make([]byte, format.channels*format.bits/8),
		channels: format.channels,
		width:    format.bits / 8,
		decode:   decode,
	}
	return newFileSource(f.Name(), format.rate, w.read, f.Close)
}

// wavHeader reads up to the start of the samples and returns how many bytes of whole
// frames follow.
func wavHeader(f *os.File, size int64) (format wavFormat, length int64, err error) {
	cut := func(err error) error {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return fmt.Errorf("%w: it ends inside its header; copy or record it again", ErrTruncated)
		}
		return err
	}
	chunks := riff.New(f)
	if err := chunks.ParseHeaders(); err != nil {
		return format, 0, cut(err)
	}
	if chunks.Format != riff.WavFormatID {
		return format, 0, fmt.Errorf("%w, but a RIFF file of type %q", ErrFormat, chunks.Format[:])
	}
	for {
		id, chunk, err := chunks.IDnSize()
		if err != nil {
			return format, 0, cut(err)
		}
		at, err := f.Seek(0, io.SeekCurrent)
		if err != nil {
			return format, 0, err
		}
		switch id {
		case riff.FmtID:
			if format, err = readFormat(io.LimitReader(f, int64(chunk))); err != nil {
				return format, 0, cut(err)
			}
		case riff.DataFormatID:
			if format.channels == 0 {
				return format, 0, fmt.Errorf("%w: samples before the description of their format", ErrEncoding)
			}
			length, err := dataLength(int64(chunk), size-at, format)
			return format, length, err
		}
		next := at + int64(chunk) + int64(chunk&1)
		if next > size {
			return format, 0, cut(io.ErrUnexpectedEOF)
		}
		if _, err := f.Seek(next, io.SeekStart); err != nil {
			return format, 0, err
		}
	}
}

func dataLength(promised, there int64, format wavFormat) (int64, error) {
	frame := int64(format.channels * format.bits / 8)
	switch {
	case promised == 0 || promised >= wavStreaming && promised > there:
		promised = there
	case promised > there:
		return 0, fmt.Errorf("%w: %d of %d bytes of sound are there; copy or record it again", ErrTruncated, there, promised)
	}
	if promised < frame {
		return 0, fmt.Errorf("%w; record it again", ErrEmpty)
	}
	return promised - promised%frame, nil
}

func readFormat(r io.Reader) (wavFormat, error) {
	var head waveFmt
	if err := binary.Read(r, binary.LittleEndian, &head); err != nil {
		return wavFormat{}, err
	}
	format := wavFormat{code: head.Code, channels: int(head.Channels), rate: int(head.Rate), bits: int(head.Bits)}
	if head.Code == waveExtensible {
		var ext waveExt
		if err := binary.Read(r, binary.LittleEndian, &ext); err != nil {
			return wavFormat{}, err
		}
		format.code = ext.SubFormat
	}
	switch {
	case format.channels < 1 || format.channels > maxChannels:
		return format, fmt.Errorf("%w: %d channels (1 to %d)", ErrEncoding, format.channels, maxChannels)
	case head.Rate < MinRate || head.Rate > MaxRate:
		return format, fmt.Errorf("%w: %d Hz (%d to %d)", ErrEncoding, head.Rate, MinRate, MaxRate)
	case format.bits < 8 || int(head.BlockAlign) != format.channels*format.bits/8:
		return format, fmt.Errorf("%w: %d channels of %d bits in %d bytes", ErrEncoding, format.channels, format.bits, head.BlockAlign)
	}
	return format, nil
}

// decoder returns the conversion of one sample to -1..1.
func (f wavFormat) decoder() (func([]byte) float32, error) {
	le := binary.LittleEndian
	switch [2]int{int(f.code), f.bits} {
	case [2]int{wavePCM, 8}: // unsigned, unlike the rest
		return func(b []byte) float32 { return float32(int(b[0])-128) / (1 << 7) }, nil
	case [2]int{wavePCM, 16}:
		return func(b []byte) float32 { return float32(int16(le.Uint16(b))) / (1 << 15) }, nil
	case [2]int{wavePCM, 24}:
		return func(b []byte) float32 {
			return float32(int32(uint32(b[0])<<8|uint32(b[1])<<16|uint32(b[2])<<24)>>8) / (1 << 23)
		}, nil
	case [2]int{wavePCM, 32}:
		return func(b []byte) float32 { return float32(int32(le.Uint32(b))) / (1 << 31) }, nil
	case [2]int{waveFloat, 32}:
		return func(b []byte) float32 { return finite(math.Float32frombits(le.Uint32(b))) }, nil
	case [2]int{waveFloat, 64}:
		return func(b []byte) float32 { return finite(float32(math.Float64frombits(le.Uint64(b)))) }, nil
	default:
		return nil, fmt.Errorf("%w: encoding %d with %d bits; convert it, for example: ffmpeg -i IN -c:a pcm_s16le OUT.wav", ErrEncoding, f.code, f.bits)
	}
}

// finite makes silence of what is no number, and of what is so large that sums of it would overflow.
func finite(v float32) float32 {
	if v > -1e6 && v < 1e6 {
		return v
	}
	return 0
}

// wavReader reads frames of all channels and mixes each down to its mean.
type wavReader struct {
	r        *bufio.Reader
	frame    []byte
	channels int
	width    int
	decode   func([]byte) float32
}

func (w *wavReader) read(pcm []float32) (int, error) {
	for i := range pcm {
		if _, err := io.ReadFull(w.r, w.frame); err != nil {
			if errors.Is(err, io.ErrUnexpectedEOF) {
				err = ErrTruncated // while it was read
			}
			return i, err
		}
		var sum float32
		for c := range w.channels {
			sum += w.decode(w.frame[c*w.width:])
		}
		pcm[i] = sum / float32(w.channels)
	}
	return len(pcm), nil
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
