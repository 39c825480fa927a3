package audio_test

import (
	"encoding/binary"
	"math"
	"slices"
	"testing"

	"github.com/tincan-voice/tincan/audio"
)

// ds64 is the chunk of 64-bit sizes of RF64 and BW64 for so many bytes of data.
func ds64(data int64) []byte {
	b := binary.LittleEndian.AppendUint64(nil, 0)
	b = binary.LittleEndian.AppendUint64(b, uint64(data))
	return chunk("ds64", append(b, make([]byte, 12)...))
}

// named puts another ID in front.
func named(id string, file []byte) []byte { return append([]byte(id), file[4:]...) }

// id3 is a tag with so many bytes in it.
func id3(size int) []byte {
	return append([]byte{'I', 'D', '3', 4, 0, 0, 0, 0, byte(size >> 7), byte(size & 0x7f)}, make([]byte, size)...)
}

// padded encodes samples of so many bits at the top of words of width bytes.
func padded(pcm []float32, bits, width int) []byte {
	var data []byte
	for _, s := range pcm {
		v := int64(math.Round(float64(s)*math.Pow(2, float64(bits-1)))) << (8*width - bits)
		for k := range width {
			data = append(data, byte(v>>(8*k)))
		}
	}
	return data
}

// resized replaces the chunk "fmt " of a file without other chunks before it by its first n bytes, or by it and zeros.
func resized(file []byte, n int) []byte {
	format := append(slices.Clone(file[20:36]), make([]byte, 24)...)[:n]
	return slices.Concat(file[:12], chunk("fmt ", format), file[36:])
}

// What ffmpeg or sox play although it breaks a rule, or keeps one that few programs know, and what is like it. Each
// file holds the same sine.
func TestReadWAVThatPlayersPlay(t *testing.T) {
	sound := sine(4801, 48000, 400, 0.5)
	good := wellFormed(1, 1, 16, 48000, encode(sound, 1, 16, false))
	size := int64(len(good.data))
	with := func(f func(w *wavFile)) []byte {
		w := good
		f(&w)
		return w.bytes()
	}
	format := func(code, bits, block int, data []byte, extensible bool) []byte {
		w := wellFormed(code, 1, bits, 48000, data)
		w.block, w.extensible = block, extensible
		return w.bytes()
	}
	promise := func(n int64) []byte { return with(func(w *wavFile) { w.promise = n }) }
	list := chunk("LIST", []byte("INFOabcd"))
	odd := append([]byte("LIST\x07\x00\x00\x00"), "INFOabc"...)
	rf64 := named("RF64", append(with(func(w *wavFile) { w.before, w.promise = ds64(size), math.MaxUint32 }), list...))
	long := named("RF64", with(func(w *wavFile) { w.before, w.promise = ds64(1<<40), math.MaxUint32 }))
	unset := named("RF64", with(func(w *wavFile) { w.before, w.promise = ds64(0), math.MaxUint32 }))
	for _, tt := range []struct {
		name string
		data []byte
		bits int // as many as are there, for the noise
	}{
		{"data one byte too large", promise(size + 1), 16},
		{"data half as large again", promise(size * 3 / 2), 16},
		{"data of 1 GiB", promise(1 << 30), 16},
		{"data of unknown size", promise(math.MaxUint32), 16},
		{"data without size", promise(0), 16},
		{"odd end", append(promise(size+1), 7), 16},
		{"RIFF size 0", append([]byte("RIFF\x00\x00\x00\x00"), good.bytes()[8:]...), 16},
		{"RF64", rf64, 16},
		{"BW64", named("BW64", rf64), 16},
		{"RF64 with a size in data", named("RF64", append(with(func(w *wavFile) { w.before = ds64(1) }), list...)), 16},
		{"RF64 that is too short", long, 16},
		{"RF64 without sizes", unset, 16},
		{"RF64 without ds64", named("RF64", promise(math.MaxUint32)), 16},
		{"12 bits in 2 bytes", format(1, 12, 2, padded(sound, 12, 2), false), 12},
		{"20 bits in 3 bytes", format(1, 20, 3, padded(sound, 20, 3), false), 18},
		{"24 bits in 4 bytes", format(1, 24, 4, padded(sound, 24, 4), false), 18},
		{"20 bits in 4 bytes", format(1, 20, 4, padded(sound, 20, 4), false), 18},
		{"24 bits in 4 bytes, extensible", format(1, 24, 4, padded(sound, 24, 4), true), 18},
		{"24 valid bits of 32", format(1, 32, 4, padded(sound, 24, 4), true), 18},
		{"64 bits", format(1, 64, 8, padded(sound, 32, 8), false), 18},
		{"frame size 0", with(func(w *wavFile) { w.block = 0 }), 16},
		{"frame size of stereo", with(func(w *wavFile) { w.block = 4 }), 16},
		{"bits not given", with(func(w *wavFile) { w.bits, w.block = 0, 2 }), 16},
		{"fmt of 14 bytes", resized(good.bytes(), 14), 16},
		{"fmt of 18 bytes", resized(good.bytes(), 18), 16},
		{"fmt of 40 bytes", resized(good.bytes(), 40), 16},
		{"extensible of 16 bytes", resized(with(func(w *wavFile) { w.code = 0xfffe }), 16), 16},
		{"extensible of 18 bytes", resized(with(func(w *wavFile) { w.code = 0xfffe }), 18), 16},
		{"extensible without GUID", resized(with(func(w *wavFile) { w.code = 0xfffe }), 40), 16},
		{"ID3 tag", append(id3(200), good.bytes()...), 16},
		{"two ID3 tags", append(append(id3(3), id3(0)...), good.bytes()...), 16},
		{"JUNK", with(func(w *wavFile) { w.before = chunk("JUNK", make([]byte, 28)) }), 16},
		{"odd chunk without padding", with(func(w *wavFile) { w.between = odd }), 16},
		{"odd chunk with padding", with(func(w *wavFile) { w.between = append(slices.Clone(odd), 0) }), 16},
		{"padding where none belongs", with(func(w *wavFile) { w.between = append(slices.Clone(list), 0, 0, 0) }), 16},
		{"chunks after the data", append(good.bytes(), list...), 16},
		{"empty data first", with(func(w *wavFile) { w.between = chunk("data", nil) }), 16},
		{"RIFX", bigEndian(good), 16},
	} {
		pcm, err := audio.ReadWAV(writeFile(t, tt.data))
		if err != nil || len(pcm) != len(sound) {
			t.Errorf("%s: %d samples, want %d, error %v", tt.name, len(pcm), len(sound), err)
			continue
		}
		if noise := power(diff(pcm, sound)) - power(sound); noise > -6*float64(tt.bits)+5 {
			t.Errorf("%s: noise at %.0f dB", tt.name, noise)
		}
	}
}

// bigEndian turns a file of 16 bits into RIFX.
func bigEndian(w wavFile) []byte {
	be := binary.BigEndian
	b := be.AppendUint32([]byte("RIFX\x00\x00\x00\x00WAVEfmt "), 16)
	b = be.AppendUint16(b, uint16(w.code))
	b = be.AppendUint16(b, uint16(w.channels))
	b = be.AppendUint32(b, uint32(w.rate))
	b = be.AppendUint32(b, uint32(w.rate*w.block))
	b = be.AppendUint16(b, uint16(w.block))
	b = be.AppendUint16(b, uint16(w.bits))
	b = be.AppendUint32(append(b, "data"...), uint32(len(w.data)))
	for i := 0; i < len(w.data); i += 2 {
		b = append(b, w.data[i+1], w.data[i])
	}
	return b
}

// Values of ITU-T G.711, tables 1 and 2, at 16 bits: smallest, largest, and one in between.
func TestReadG711(t *testing.T) {
	for _, tt := range []struct {
		name string
		code int
		data []byte
		want []float32
	}{
		{"A-law", 6, []byte{0xd5, 0x55, 0xaa, 0x2a, 0x80}, []float32{8, -8, 32256, -32256, 5504}},
		{"mu-law", 7, []byte{0xff, 0x7f, 0x80, 0x00, 0xa0}, []float32{0, 0, 32124, -32124, 7932}},
	} {
		pcm, err := audio.ReadWAV(writeFile(t, wellFormed(tt.code, 1, 8, 48000, tt.data).bytes()))
		if err != nil || len(pcm) != len(tt.want) {
			t.Fatalf("%s: %v, %v", tt.name, pcm, err)
		}
		for i, v := range tt.want {
			if pcm[i] != v/32768 {
				t.Errorf("%s %#x: %v, want %v", tt.name, tt.data[i], pcm[i]*32768, v)
			}
		}
	}
}

func TestReadWAVOfInfinities(t *testing.T) {
	le := binary.LittleEndian
	var data []byte
	for _, v := range []float64{0.25, math.Inf(1), 1e300, math.NaN(), -0.25} {
		data = le.AppendUint64(data, math.Float64bits(v))
	}
	pcm, err := audio.ReadWAV(writeFile(t, wellFormed(3, 1, 64, 48000, data).bytes()))
	if err != nil || !slices.Equal(pcm, []float32{0.25, 0, 0, 0, -0.25}) {
		t.Errorf("%v, %v", pcm, err)
	}
}

func TestWAVReadDoesNotAllocate(t *testing.T) {
	for _, channels := range []int{1, 2, 8} {
		src, err := audio.OpenFile(writeFile(t, wellFormed(1, channels, 24, 48000, make([]byte, 300*960*3*channels)).bytes()))
		if err != nil {
			t.Fatal(err)
		}
		pcm := make([]float32, 960)
		if n := testing.AllocsPerRun(200, func() { _, _ = src.Read(pcm) }); n != 0 {
			t.Errorf("%d channels: %v allocations per block", channels, n)
		}
		if err := src.Close(); err != nil {
			t.Error(err)
		}
	}
}
