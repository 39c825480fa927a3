package audio

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Codes of encodings (Microsoft, mmreg.h).
const (
	wavePCM        = 1
	waveFloat      = 3
	waveALaw       = 6
	waveMuLaw      = 7
	waveExtensible = 0xfffe

	maxChannels = 64
)

// waveNames are the encodings that are refused by name.
var waveNames = map[uint16]string{
	0x0002: "Microsoft ADPCM", 0x0011: "IMA ADPCM", 0x0014: "G.723", 0x0031: "GSM 6.10", 0x0040: "G.721",
	0x0050: "MPEG", 0x0055: "MP3", 0x0064: "G.726", 0x0065: "G.722", 0x00ff: "AAC", 0x0161: "WMA", 0x0162: "WMA",
	0x0163: "WMA", 0x1610: "AAC", 0x2000: "AC-3", 0x2001: "DTS", 0x566f: "Vorbis", 0x674f: "Vorbis", 0x704f: "Opus", 0xf1ac: "FLAC",
}

type wavFormat struct {
	code     uint16
	channels int
	rate     int
	bits     int // of a sample
	width    int // bytes that hold it
}

// parseFormat takes the first n bytes of a chunk "fmt " in b, the rest of which is zero:
//
//	0 code, 2 channels, 4 rate, 8 bytes per second, 12 bytes per frame, 14 bits per sample,
//	16 size of what follows, 18 valid bits, 20 channel mask, 24 the true code and the rest of a GUID
func parseFormat(b [40]byte, n int, order binary.ByteOrder) (wavFormat, error) {
	if n < 14 {
		return wavFormat{}, fmt.Errorf("%w: its format is described in %d bytes; %s", ErrEncoding, n, convert)
	}
	f := wavFormat{
		code:     order.Uint16(b[0:]),
		channels: int(order.Uint16(b[2:])),
		rate:     int(order.Uint32(b[4:])),
		bits:     int(order.Uint16(b[14:])),
	}
	block := int(order.Uint16(b[12:]))
	switch {
	case f.channels < 1 || f.channels > maxChannels:
		return f, fmt.Errorf("%w: %d channels (1 to %d); %s", ErrEncoding, f.channels, maxChannels, convert)
	case f.rate < MinRate || f.rate > MaxRate:
		return f, fmt.Errorf("%w: %d Hz (%d to %d); %s", ErrEncoding, f.rate, MinRate, MaxRate, convert)
	}
	if f.bits == 0 {
		f.bits = 8 * block / f.channels
	}
	f.width = (f.bits + 7) / 8
	// Frames that are larger than their bits need are believed for samples of 17 to 24 bits in 4 bytes only: elsewhere
	// it is the size of the frame that is wrong, and players go by the bits.
	if f.width == 3 && block == 4*f.channels {
		f.width = 4
	}
	if f.code == waveExtensible {
		f.code = order.Uint16(b[24:])
		if f.code == 0 { // cut short
			f.code = wavePCM
		}
	}
	return f, nil
}

// decoder returns the conversion of samples to -1..1: it fills dst from the start of src.
func (f wavFormat) decoder(order binary.ByteOrder) (func(dst []float32, src []byte), error) {
	switch {
	case f.code == wavePCM && f.width == 1: // unsigned, unlike the rest
		return func(dst []float32, src []byte) {
			for i := range dst {
				dst[i] = float32(int(src[i])-128) / (1 << 7)
			}
		}, nil
	case f.code == wavePCM && f.width >= 2 && f.width <= 8:
		return f.integers(order), nil
	case f.code == waveFloat && f.bits == 32:
		return func(dst []float32, src []byte) {
			for i := range dst {
				dst[i] = finite(math.Float32frombits(order.Uint32(src[4*i:])))
			}
		}, nil
	case f.code == waveFloat && f.bits == 64:
		return func(dst []float32, src []byte) {
			for i := range dst {
				dst[i] = finite(float32(math.Float64frombits(order.Uint64(src[8*i:]))))
			}
		}, nil
	case f.code == waveALaw && f.bits == 8:
		return byTable(aLaw), nil
	case f.code == waveMuLaw && f.bits == 8:
		return byTable(muLaw), nil
	}
	if name := waveNames[f.code]; name != "" {
		return nil, fmt.Errorf("%w: %s inside WAV; %s", ErrEncoding, name, convert)
	}
	return nil, fmt.Errorf("%w: encoding %d with %d bits; %s", ErrEncoding, f.code, f.bits, convert)
}

// integers decodes two's complement of any width from 2 bytes. Samples of fewer bits than their bytes have are at
// the top of them, so full scale is that of the bytes; a float32 keeps 24 bits, so four bytes are enough.
func (f wavFormat) integers(order binary.ByteOrder) func(dst []float32, src []byte) {
	used := min(f.width, 4)
	high, step := f.width-1, -1 // of the highest byte, and from there to the next
	if order == binary.BigEndian {
		high, step = 0, 1
	}
	return func(dst []float32, src []byte) {
		for i := range dst {
			var v uint32
			for k := range used {
				v |= uint32(src[i*f.width+high+k*step]) << (24 - 8*k)
			}
			dst[i] = float32(int32(v)) / (1 << 31)
		}
	}
}

// finite makes silence of what is no number, and of what is so large that sums of it would overflow.
func finite(v float32) float32 {
	if v > -1e6 && v < 1e6 {
		return v
	}
	return 0
}

func byTable(expand func(byte) int) func(dst []float32, src []byte) {
	var table [256]float32
	for b := range table {
		table[b] = float32(expand(byte(b))) / (1 << 15)
	}
	return func(dst []float32, src []byte) {
		for i := range dst {
			dst[i] = table[src[i]]
		}
	}
}

// aLaw expands a byte of A-law (ITU-T G.711 table 1) to 16 bits: every second bit is inverted; sign, three bits of
// segment, four of step, taken at its middle.
func aLaw(b byte) int {
	b ^= 0x55
	v := int(b&0x0f)<<4 + 8
	if segment := b >> 4 & 7; segment > 0 {
		v = (v + 0x100) << (segment - 1)
	}
	if b&0x80 == 0 {
		return -v
	}
	return v
}

// muLaw expands a byte of mu-law (ITU-T G.711 table 2) to 16 bits: all bits inverted, and a bias of 33 steps of four.
func muLaw(b byte) int {
	b = ^b
	v := (int(b&0x0f)<<3+0x84)<<(b>>4&7) - 0x84
	if b&0x80 != 0 {
		return -v
	}
	return v
}
