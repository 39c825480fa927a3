//go:build cgo

package audio_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"testing"

	"gopkg.in/hraban/opus.v2"

	"github.com/tincan-voice/tincan/audio"
)

// opusFile encodes pcm, interleaved, as Ogg Opus (RFC 7845).
func opusFile(t testing.TB, pcm []float32, channels int) []byte {
	t.Helper()
	enc, err := opus.NewEncoder(48000, channels, opus.AppAudio)
	if err != nil {
		t.Fatal(err)
	}
	if err := enc.SetBitrate(64000); err != nil {
		t.Fatal(err)
	}
	const preSkip = 312
	le := binary.LittleEndian
	head := append([]byte("OpusHead\x01"), byte(channels))
	head = le.AppendUint16(head, preSkip)
	head = le.AppendUint32(head, 48000)
	head = append(head, 0, 0, 0)
	tags := append([]byte("OpusTags\x04\x00\x00\x00test"), 0, 0, 0, 0)
	file := append(oggPage(2, 0, 0, head), oggPage(0, 0, 1, tags)...)
	size := 960 * channels
	total := int64(len(pcm) / channels)
	pcm = append(pcm[:len(pcm):len(pcm)], make([]float32, 2*size)...) // for the pre-skip
	for i := range len(pcm) / size {
		buf := make([]byte, 254)
		n, err := enc.EncodeFloat32(pcm[i*size:(i+1)*size], buf)
		if err != nil {
			t.Fatal(err)
		}
		granule, flags := int64(i+1)*960, byte(0)
		if granule >= total+preSkip {
			granule, flags = total+preSkip, 4
		}
		file = append(file, oggPage(flags, granule, uint32(i+2), buf[:n])...)
		if flags != 0 {
			break
		}
	}
	return file
}

func TestReadOpus(t *testing.T) {
	want := sine(24000, 48000, 440, 0.5)
	for channels := 1; channels <= 2; channels++ {
		var pcm []float32
		for _, s := range want {
			pcm = append(pcm, s)
			if channels == 2 {
				pcm = append(pcm, s/2)
			}
		}
		level := map[int]float64{1: 1, 2: 0.75}[channels]
		src, err := audio.OpenFile(writeFile(t, opusFile(t, pcm, channels)))
		if err != nil {
			t.Fatal(err)
		}
		got := readAll(t, src)
		if err := errors.Join(src.Close(), src.Close()); err != nil {
			t.Error(err)
		}
		if len(got) != len(want) {
			t.Fatalf("%d channels: %d samples, want %d", channels, len(got), len(want))
		}
		mean := sine(len(want), 48000, 440, 0.5*level)
		if noise := power(diff(got, mean)) - power(mean); noise > -15 {
			t.Errorf("%d channels: noise at %.0f dB", channels, noise)
		}
		if _, err := src.Read(make([]float32, 960)); !errors.Is(err, audio.ErrClosed) {
			t.Errorf("Read after the end and Close: %v", err)
		}
	}
}

func TestOpenOpusByContent(t *testing.T) {
	readByContent(t, opusFile(t, make([]float32, 1000), 1))
}

func TestReadOpusCutShort(t *testing.T) {
	file := opusFile(t, sine(48000, 48000, 440, 0.5), 1)
	if _, err := audio.OpenFile(writeFile(t, file[:60])); !errors.Is(err, audio.ErrTruncated) {
		t.Errorf("inside the headers: %v", err)
	}
	headers := 28 + 19 + 28 + 20
	if pcm, err := audio.ReadWAV(writeFile(t, file[:headers])); err == nil {
		t.Errorf("headers only: %d samples", len(pcm))
	}
	// A file that ends early plays as far as it goes: Ogg has no length to miss.
	pcm, err := audio.ReadWAV(writeFile(t, file[:len(file)/2]))
	if err != nil || len(pcm) < 12000 || len(pcm) > 36000 {
		t.Errorf("half of it: %d samples, error %v", len(pcm), err)
	}
	// A hole in the middle is passed over.
	hole := append(file[:len(file)/2:len(file)/2], file[len(file)/2+500:]...)
	if pcm, err := audio.ReadWAV(writeFile(t, hole)); err != nil || len(pcm) < 24000 {
		t.Errorf("hole: %d samples, error %v", len(pcm), err)
	}
}

// Close may come while another goroutine reads.
func TestOpusCloseDuringRead(t *testing.T) {
	src, err := audio.OpenFile(writeFile(t, opusFile(t, sine(480000, 48000, 440, 0.5), 1)))
	if err != nil {
		t.Fatal(err)
	}
	started, ended := make(chan struct{}), make(chan error)
	go func() {
		var err error
		block := make([]float32, 960)
		for i := 0; err == nil; i++ {
			_, err = src.Read(block)
			if i == 3 {
				close(started)
			}
		}
		ended <- err
	}()
	<-started
	if err := src.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, audio.ErrClosed) && !errors.Is(err, io.EOF) {
		t.Errorf("Read ended with %v", err)
	}
}

// mended sets the checksums of all pages right, so that what fuzzing changed gets past them.
func mended(file []byte) []byte {
	file = slices.Clone(file)
	for at := 0; at+27 <= len(file); at++ {
		if !bytes.HasPrefix(file[at:], []byte("OggS")) {
			continue
		}
		page := file[at:]
		lacing := page[27:min(len(page), 27+int(page[26]))]
		size := 27 + len(lacing)
		for _, n := range lacing {
			size += int(n)
		}
		page = page[:min(len(page), size)]
		copy(page[22:], make([]byte, 4))
		binary.LittleEndian.PutUint32(page[22:], oggChecksum(page))
	}
	return file
}

func FuzzOpenOpus(f *testing.F) {
	mono, stereo := opusFile(f, sine(2000, 48000, 440, 0.5), 1), opusFile(f, sine(2000, 48000, 440, 0.5), 2)
	f.Add(mono)
	f.Add(slices.Concat(stereo, mono, stereo))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, data := range [][]byte{data, mended(data)} {
			src, err := audio.OpenFile(writeFile(t, data))
			if err != nil {
				continue
			}
			block := make([]float32, 960)
			for err == nil {
				_, err = src.Read(block)
			}
			if err := src.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}
