//go:build cgo

package audio_test

import (
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tincan-voice/tincan/audio"
)

// pipeFiles are files of half a second of the same sine, as programs write them into pipes.
func pipeFiles(t *testing.T) map[string][]byte {
	pcm := sine(24000, 48000, 400, 0.5)
	wav := wellFormed(1, 1, 16, 48000, encode(pcm, 1, 16, false))
	wav.promise = 0x7ffff000
	rf64 := wav
	rf64.before, rf64.promise = ds64(0), math.MaxUint32
	return map[string][]byte{
		"WAV":  wav.bytes(),
		"RF64": named("RF64", rf64.bytes()),
		"Opus": opusFile(t, pcm, 1),
	}
}

func fifo(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// checkSine tells whether pcm is the sound of pipeFiles.
func checkSine(t *testing.T, pcm []float32) {
	t.Helper()
	want := sine(24000, 48000, 400, 0.5)
	if len(pcm) != len(want) {
		t.Fatalf("%d samples, want %d", len(pcm), len(want))
	}
	if noise := power(diff(pcm, want)[960:]) - power(want); noise > -15 {
		t.Errorf("noise at %.0f dB", noise)
	}
}

// A FIFO is opened before anybody writes it, and read however its bytes come.
func TestReadFIFO(t *testing.T) {
	for name, data := range pipeFiles(t) {
		t.Run(name, func(t *testing.T) {
			path := fifo(t)
			src, err := audio.OpenFile(path)
			if err != nil {
				t.Fatal(err)
			}
			wrote := make(chan error)
			go func() {
				w, err := os.OpenFile(path, os.O_WRONLY, 0)
				for at := 0; err == nil && at < len(data); at += 777 {
					_, err = w.Write(data[at:min(at+777, len(data))])
				}
				wrote <- errors.Join(err, w.Close())
			}()
			checkSine(t, readAll(t, src))
			if err := errors.Join(<-wrote, src.Close()); err != nil {
				t.Error(err)
			}
		})
	}
}

// Close ends a Read that waits: for a writer, for the header, for samples, and behind a PacedSource.
func TestCloseEndsReadOfFIFO(t *testing.T) {
	for name, data := range pipeFiles(t) {
		for _, sent := range []int{-1, 0, 3, 20, 5000} {
			path := fifo(t)
			src, err := audio.OpenFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if sent >= 0 {
				w, err := os.OpenFile(path, os.O_WRONLY, 0)
				if err != nil {
					t.Fatal(err)
				}
				defer w.Close() // stays open: nothing ends but by Close
				if _, err := w.Write(data[:sent]); err != nil {
					t.Fatal(err)
				}
			}
			src = audio.PacedSource(src)
			ended := make(chan error)
			begun := make(chan struct{})
			go func() {
				block := make([]float32, 9)
				close(begun)
				for {
					if _, err := src.Read(block); err != nil {
						ended <- err
						return
					}
				}
			}()
			<-begun
			if err := src.Close(); err != nil {
				t.Error(err)
			}
			if err := <-ended; !errors.Is(err, audio.ErrClosed) {
				t.Errorf("%s, %d bytes: Read ended with %v", name, sent, err)
			}
		}
	}
}

// What is wrong with a pipe is told by the first Read, once and for ever.
func TestReadFIFOErrors(t *testing.T) {
	for _, tt := range []struct {
		data, says string
		want       error
	}{
		{"", "0 bytes", audio.ErrEmpty},
		{"fLaC\x00\x00\x00\x22", "FLAC", audio.ErrFormat},
		{"RIFF\x10\x00\x00\x00WAVE", "inside its header", audio.ErrTruncated},
	} {
		path := fifo(t)
		src, err := audio.OpenFile(path)
		if err != nil {
			t.Fatal(err)
		}
		w, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.WriteString(tt.data); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			n, err := src.Read(make([]float32, 960))
			if n != 0 || !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), path) {
				t.Errorf("%q: %d, %v", tt.data, n, err)
			}
		}
		if err := src.Close(); err != nil {
			t.Error(err)
		}
	}
}

// onStdin makes f standard input for the time of a test.
func onStdin(t *testing.T, f *os.File) {
	t.Helper()
	saved, err := unix.Dup(0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Dup3(int(f.Fd()), 0, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(unix.Dup3(saved, 0, 0), unix.Close(saved)); err != nil {
			t.Error(err)
		}
	})
}

func TestReadStandardInput(t *testing.T) {
	for name, data := range pipeFiles(t) {
		for _, spec := range []string{"-", "/dev/stdin"} {
			t.Run(name+spec, func(t *testing.T) {
				r, w, err := os.Pipe()
				if err != nil {
					t.Fatal(err)
				}
				defer r.Close()
				onStdin(t, r)
				wrote := make(chan error)
				go func() {
					_, err := w.Write(data)
					wrote <- errors.Join(err, w.Close())
				}()
				src, err := audio.OpenFile(spec)
				if err != nil {
					t.Fatal(err)
				}
				checkSine(t, readAll(t, src))
				if err := errors.Join(<-wrote, src.Close()); err != nil {
					t.Error(err)
				}
				flags, err := unix.FcntlInt(0, unix.F_GETFL, 0)
				if err != nil || flags&unix.O_NONBLOCK != 0 {
					t.Errorf("standard input afterwards: flags %#x, error %v", flags, err)
				}
			})
		}
	}
}

// A file as standard input is read from where it stands.
func TestReadFileAsStandardInput(t *testing.T) {
	for name, data := range pipeFiles(t) {
		f, err := os.Open(writeFile(t, append([]byte("before"), data...)))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.Seek(6, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		onStdin(t, f)
		pcm, err := audio.ReadWAV("-")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		checkSine(t, pcm)
	}
}

func TestCloseEndsReadOfStandardInput(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	onStdin(t, r)
	src, err := audio.OpenFile("-")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() {
		_, err := src.Read(make([]float32, 960))
		ended <- err
	}()
	if err := src.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, audio.ErrClosed) {
		t.Errorf("Read ended with %v", err)
	}
}

func TestDevicesAreNoFiles(t *testing.T) {
	f, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	onStdin(t, f)
	for _, spec := range []string{"/dev/zero", "-"} {
		if _, err := audio.OpenFile(spec); !errors.Is(err, audio.ErrFormat) || !strings.Contains(err.Error(), "device") {
			t.Errorf("%s: %v", spec, err)
		}
	}
}
