package audio_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tincan-voice/tincan/audio"
)

// wavFile builds a WAV file. Fields that a test spoils are set after wellFormed.
type wavFile struct {
	code, channels, bits, block int
	rate                        int
	extensible                  bool
	before                      []byte // chunks in front of fmt
	between                     []byte // and in front of data
	data                        []byte
	promise                     int64 // size of data according to its header; -1: the truth
}

func wellFormed(code, channels, bits, rate int, data []byte) wavFile {
	return wavFile{code: code, channels: channels, bits: bits, block: channels * bits / 8, rate: rate, data: data, promise: -1}
}

func (w wavFile) bytes() []byte {
	le := binary.LittleEndian
	code := w.code
	if w.extensible {
		code = 0xfffe
	}
	var format []byte
	format = le.AppendUint16(format, uint16(code))
	format = le.AppendUint16(format, uint16(w.channels))
	format = le.AppendUint32(format, uint32(w.rate))
	format = le.AppendUint32(format, uint32(w.rate*w.block))
	format = le.AppendUint16(format, uint16(w.block))
	format = le.AppendUint16(format, uint16(w.bits))
	if w.extensible {
		format = le.AppendUint16(format, 22)
		format = le.AppendUint16(format, uint16(w.bits))
		format = le.AppendUint32(format, 3)
		format = le.AppendUint16(format, uint16(w.code))
		format = append(format, "\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"...)
	}
	promise := w.promise
	if promise < 0 {
		promise = int64(len(w.data))
	}
	body := append([]byte("WAVE"), w.before...)
	body = append(body, chunk("fmt ", format)...)
	body = append(body, w.between...)
	body = append(body, "data"...)
	body = le.AppendUint32(body, uint32(promise))
	body = append(body, w.data...)
	return append(le.AppendUint32([]byte("RIFF"), uint32(len(body))), body...)
}

func chunk(id string, body []byte) []byte {
	c := binary.LittleEndian.AppendUint32([]byte(id), uint32(len(body)))
	c = append(c, body...)
	if len(body)%2 == 1 {
		c = append(c, 0)
	}
	return c
}

func writeFile(t testing.TB, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "in.wav")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// encode turns samples into bytes of an encoding. The first two channels differ from the
// signal, their mean, and with it that of all channels, is the signal.
func encode(pcm []float32, channels, bits int, float bool) []byte {
	le := binary.LittleEndian
	var data []byte
	for _, s := range pcm {
		for c := range channels {
			x := float64(s)
			switch {
			case channels > 1 && c == 0:
				x *= 1.5
			case channels > 1 && c == 1:
				x *= 0.5
			}
			switch {
			case float && bits == 32:
				data = le.AppendUint32(data, math.Float32bits(float32(x)))
			case float:
				data = le.AppendUint64(data, math.Float64bits(x))
			case bits == 8:
				data = append(data, byte(math.Round(x*128)+128))
			default:
				v := uint64(int64(math.Round(x * math.Pow(2, float64(bits-1)))))
				for shift := 0; shift < bits; shift += 8 {
					data = append(data, byte(v>>shift))
				}
			}
		}
	}
	return data
}

func TestReadWAVFormats(t *testing.T) {
	junk := chunk("bext", make([]byte, 603)) // odd: padded
	for _, tt := range []struct {
		name       string
		bits       int
		float      bool
		snr        float64 // of the width
		extensible bool
	}{
		{"8 bit", 8, false, 40, false},
		{"16 bit", 16, false, 85, false},
		{"24 bit", 24, false, 110, false},
		{"32 bit", 32, false, 110, false},
		{"float32", 32, true, 110, false},
		{"float64", 64, true, 110, false},
		{"extensible 16 bit", 16, false, 85, true},
		{"extensible 24 bit", 24, false, 110, true},
		{"extensible float32", 32, true, 110, true},
	} {
		for _, channels := range []int{1, 2, 6} {
			for _, rate := range []int{8000, 44100, 48000} {
				code := 1
				if tt.float {
					code = 3
				}
				in := sine(rate/10+1, rate, 400, 0.5)
				file := wellFormed(code, channels, tt.bits, rate, encode(in, channels, tt.bits, tt.float))
				file.extensible = tt.extensible
				file.before, file.between = junk, append(chunk("LIST", []byte("INFOabc")), chunk("fact", make([]byte, 4))...)
				src, err := audio.OpenFile(writeFile(t, file.bytes()))
				if err != nil {
					t.Fatalf("%s, %d channels, %d Hz: %v", tt.name, channels, rate, err)
				}
				got := readAll(t, src)
				if err := src.Close(); err != nil {
					t.Error(err)
				}
				if want := (len(in)*48000 + rate - 1) / rate; len(got) != want {
					t.Fatalf("%s, %d channels, %d Hz: %d samples, want %d", tt.name, channels, rate, len(got), want)
				}
				edge := 500
				want := sine(len(got), 48000, 400, 0.5)
				limit := min(tt.snr, 75) // of the resampler
				if rate == 48000 {
					limit, edge = tt.snr, 0
				}
				noise := power(diff(got, want)[edge:len(got)-edge]) - power(want)
				if noise > -limit {
					t.Errorf("%s, %d channels, %d Hz: noise at %.0f dB, want -%.0f", tt.name, channels, rate, noise, limit)
				}
			}
		}
	}
}

func TestReadWAVExtremes(t *testing.T) {
	le := binary.LittleEndian
	nan := le.AppendUint32(nil, math.Float32bits(float32(math.NaN())))
	inf := le.AppendUint32(nil, math.Float32bits(float32(math.Inf(-1))))
	for _, tt := range []struct {
		name string
		file wavFile
		want []float32
	}{
		{"8 bit", wellFormed(1, 1, 8, 48000, []byte{0, 128, 255}), []float32{-1, 0, 127.0 / 128}},
		{"16 bit", wellFormed(1, 1, 16, 48000, []byte{0, 0x80, 0, 0, 0xff, 0x7f}), []float32{-1, 0, 32767.0 / 32768}},
		{"24 bit", wellFormed(1, 1, 24, 48000, []byte{0, 0, 0x80, 0xff, 0xff, 0xff}), []float32{-1, -1.0 / (1 << 23)}},
		{"not a number", wellFormed(3, 1, 32, 48000, append(nan, inf...)), []float32{0, 0}},
		{"part of a frame at the end", wellFormed(1, 2, 16, 48000, []byte{0, 0x40, 0, 0x40, 1}), []float32{0.5}},
	} {
		got, err := audio.ReadWAV(writeFile(t, tt.file.bytes()))
		if err != nil || len(got) != len(tt.want) {
			t.Errorf("%s: %v, error %v", tt.name, got, err)
			continue
		}
		for i := range got {
			if got[i] != tt.want[i] {
				t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
			}
		}
	}
}

func TestReadWAVOfPipes(t *testing.T) {
	// Written by programs that did not know the length beforehand.
	for _, promise := range []int64{0, 0x7fff0000, 0x7ffff000, 0x7fffffff, 0xffffffff} {
		file := wellFormed(1, 1, 16, 48000, make([]byte, 2000))
		file.promise = promise
		if pcm, err := audio.ReadWAV(writeFile(t, file.bytes())); err != nil || len(pcm) != 1000 {
			t.Errorf("%#x: %d samples, error %v", promise, len(pcm), err)
		}
	}
}

func TestOpenFileErrors(t *testing.T) {
	good := wellFormed(1, 1, 16, 48000, make([]byte, 2000))
	spoil := func(f func(w *wavFile)) []byte {
		w := good
		f(&w)
		return w.bytes()
	}
	whole := good.bytes()
	tests := []struct {
		name string
		data []byte
		want error
	}{
		{"empty file", nil, audio.ErrEmpty},
		{"no samples", spoil(func(w *wavFile) { w.data = nil }), audio.ErrEmpty},
		{"less than a frame", spoil(func(w *wavFile) { w.data = w.data[:1] }), audio.ErrEmpty},
		{"text", []byte("hello, this is no sound"), audio.ErrFormat},
		{"two bytes", []byte("RI"), audio.ErrFormat},
		{"AVI", append([]byte("RIFF\x10\x00\x00\x00AVI "), make([]byte, 16)...), audio.ErrFormat},
		{"magic only", []byte("RIFF"), audio.ErrTruncated},
		{"no chunks", whole[:12], audio.ErrTruncated},
		{"inside fmt", whole[:30], audio.ErrTruncated},
		{"no data chunk", whole[:36], audio.ErrTruncated},
		{"chunk beyond the end", spoil(func(w *wavFile) { w.before = []byte("junk\xff\xff\xff\x7f") }), audio.ErrTruncated},
		{"huge fmt", spoil(func(w *wavFile) { w.before = []byte("fmt \xff\xff\xff\xff") }), audio.ErrEncoding},
		{"data before fmt", spoil(func(w *wavFile) { w.before = chunk("data", []byte{1, 2}) }), audio.ErrEncoding},
		{"ADPCM", spoil(func(w *wavFile) { w.code = 2 }), audio.ErrEncoding},
		{"no bits", spoil(func(w *wavFile) { w.bits, w.block = 0, 0 }), audio.ErrEncoding},
		{"no channels", spoil(func(w *wavFile) { w.channels, w.block = 0, 0 }), audio.ErrEncoding},
		{"65 channels", spoil(func(w *wavFile) { w.channels, w.block = 65, 130 }), audio.ErrEncoding},
		{"0 Hz", spoil(func(w *wavFile) { w.rate = 0 }), audio.ErrEncoding},
		{"1 MHz", spoil(func(w *wavFile) { w.rate = 1000000 }), audio.ErrEncoding},
		{"nothing, then another chunk", append(spoil(func(w *wavFile) { w.data = nil }), chunk("LIST", []byte("INFO"))...), audio.ErrEmpty},
		{"Ogg, cut", []byte("OggS\x00\x02"), audio.ErrTruncated},
		{"Ogg, other", append([]byte("OggS"), make([]byte, 100)...), audio.ErrFormat},
	}
	for _, tt := range tests {
		path := writeFile(t, tt.data)
		src, err := audio.OpenFile(path)
		if src != nil || !errors.Is(err, tt.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, want %v with the path", tt.name, err, tt.want)
		}
		if _, err := audio.ReadWAV(path); !errors.Is(err, tt.want) {
			t.Errorf("%s: ReadWAV %v", tt.name, err)
		}
	}
	if _, err := audio.OpenFile(filepath.Join(t.TempDir(), "none.wav")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	if _, err := audio.OpenFile(t.TempDir()); !errors.Is(err, audio.ErrFormat) {
		t.Errorf("folder: %v", err)
	}
	if _, err := audio.CreateWAV(filepath.Join(t.TempDir(), "no", "out.wav")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("create in a missing folder: %v", err)
	}
}

func TestWAVRoundsAndClips(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.wav")
	const step = 1.0 / 32768
	in := []float32{0, step, 0.4 * step, 0.6 * step, -0.6 * step, 0.5, -1, 1, 2, -2, float32(math.Inf(1)), float32(math.NaN())}
	want := []float32{0, step, 0, step, -step, 0.5, -1, 1 - step, 1 - step, -1, 1 - step, 0}
	w, err := audio.CreateWAV(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Write(in), w.Close()); err != nil {
		t.Fatal(err)
	}
	got, err := audio.ReadWAV(path)
	if err != nil || len(got) != len(want) {
		t.Fatalf("%v, error %v", got, err)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%v became %v, want %v", in[i], got[i], want[i])
		}
	}
}

// A killed process never closes its files: what is there after each Write must be a whole WAV file,
// to the byte as other programs write it.
func TestWAVIsValidAtEveryMoment(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.wav")
	dst, err := audio.CreateWAV(path)
	if err != nil {
		t.Fatal(err)
	}
	pcm := sine(960, 48000, 440, 0.5)
	le := binary.LittleEndian
	var samples []byte
	for blocks := 1; blocks <= 3; blocks++ {
		if err := dst.Write(pcm); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		samples = append(samples, encode(pcm, 1, 16, false)...)
		want := le.AppendUint32([]byte("RIFF"), uint32(36+len(samples)))
		want = append(want, "WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x80\xbb\x00\x00\x00\x77\x01\x00\x02\x00\x10\x00data"...)
		want = append(le.AppendUint32(want, uint32(len(samples))), samples...)
		if !bytes.Equal(data, want) {
			t.Errorf("after %d blocks: %d bytes that begin with % x", blocks, len(data), data[:min(len(data), 48)])
		}
		if got, err := audio.ReadWAV(path); err != nil || len(got) != 960*blocks {
			t.Errorf("after %d blocks: %d samples, error %v", blocks, len(got), err)
		}
	}
	if err := errors.Join(dst.Close(), dst.Close()); err != nil {
		t.Error(err)
	}
	if err := dst.Write(pcm); !errors.Is(err, audio.ErrClosed) {
		t.Errorf("Write after Close: %v", err)
	}
}

func TestReadAfterClose(t *testing.T) {
	src, err := audio.OpenFile(writeFile(t, wellFormed(1, 1, 16, 48000, make([]byte, 1<<20)).bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(src.Close(), src.Close()); err != nil {
		t.Errorf("Close twice: %v", err)
	}
	if n, err := src.Read(make([]float32, 960)); n != 0 || !errors.Is(err, audio.ErrClosed) {
		t.Errorf("Read after Close: %d, %v", n, err)
	}
}

func FuzzOpenWAV(f *testing.F) {
	f.Add(wellFormed(1, 1, 16, 48000, make([]byte, 200)).bytes())
	f.Add(wellFormed(3, 2, 32, 44100, make([]byte, 200)).bytes())
	ext := wellFormed(1, 3, 24, 8000, make([]byte, 99))
	ext.extensible, ext.between = true, chunk("LIST", []byte("x"))
	f.Add(ext.bytes())
	long := wellFormed(6, 8, 8, 8000, make([]byte, 99))
	long.before, long.promise = ds64(99), math.MaxUint32
	f.Add(append(id3(9), named("BW64", long.bytes())...))
	f.Add(bigEndian(wellFormed(1, 2, 16, 48000, make([]byte, 200))))
	f.Fuzz(func(t *testing.T, data []byte) {
		src, err := audio.OpenFile(writeFile(t, data))
		if err != nil {
			return
		}
		defer src.Close()
		block := make([]float32, 960)
		for {
			n, err := src.Read(block)
			for _, s := range block[:n] {
				if s != s {
					t.Fatal("not a number")
				}
			}
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	})
}
