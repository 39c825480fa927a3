//go:build cgo

package audio_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/tincan-voice/tincan/audio"
)

// patched changes the identification header of an Ogg Opus file from a byte of it on.
func patched(file []byte, at int, with ...byte) []byte {
	const first = 28 + 19
	file = slices.Clone(file)
	copy(file[28+at:], with)
	copy(file[22:26], []byte{0, 0, 0, 0})
	binary.LittleEndian.PutUint32(file[22:], oggChecksum(file[:first]))
	return file
}

// opusLink is a sine of half a second in so many channels, all alike.
func opusLink(t *testing.T, channels int, hz float64) []byte {
	one := sine(24000, 48000, hz, 0.5)
	all := [][]float32{one, one}[:channels]
	return opusFile(t, interleave(all...), channels)
}

func readOpus(t *testing.T, file []byte) []float32 {
	t.Helper()
	pcm, err := audio.ReadWAV(writeFile(t, file))
	if err != nil {
		t.Fatal(err)
	}
	return pcm
}

// Links of a chain have their own channels, and keep pitch, level and length.
func TestReadChainedOpus(t *testing.T) {
	six, err := os.ReadFile("testdata/one-of-six.opus") // 0.6 s of 400 Hz at -6 dBFS behind on the left, the rest silent
	if err != nil {
		t.Fatal(err)
	}
	mono, stereo := opusLink(t, 1, 400), opusLink(t, 2, 400)
	for name, links := range map[string][][]byte{
		"mono, stereo":           {mono, stereo},
		"stereo, mono":           {stereo, mono},
		"mono, stereo, six":      {mono, stereo, six},
		"six, mono, six, stereo": {six, mono, six, stereo},
		"the same twice":         {mono, mono},
	} {
		got := readOpus(t, slices.Concat(links...))
		for i, link := range links {
			length := 24000
			if bytes.Equal(link, six) {
				length = 28800
			}
			if len(got) < length {
				t.Fatalf("%s: link %d is missing", name, i)
			}
			want := sine(length, 48000, 400, 0.5)
			if noise := power(diff(got[:length], want)[960:]) - power(want); noise > -15 {
				t.Errorf("%s: link %d: noise at %.0f dB", name, i, noise)
			}
			got = got[length:]
		}
		if len(got) != 0 {
			t.Errorf("%s: %d samples too many", name, len(got))
		}
	}
}

func TestReadChainedOpusOfOtherLengths(t *testing.T) {
	for _, n := range []int{1, 959, 961, 5000} { // trimmed at the end, twice
		one := opusFile(t, sine(n, 48000, 400, 0.5), 1)
		if got := readOpus(t, slices.Concat(one, opusFile(t, make([]float32, 2*n), 2))); len(got) != 2*n {
			t.Errorf("%d samples twice: %d", n, len(got))
		}
	}
}

// The header's gain, in steps of 1/256 dB, is applied per link (RFC 7845 section 5.1).
func TestReadOpusWithGain(t *testing.T) {
	mono := opusLink(t, 1, 400)
	quiet := patched(mono, 16, 0x00, 0xf4) // -12 dB
	got := readOpus(t, slices.Concat(quiet, mono))
	if d := power(got[:24000]) - power(got[24000:]); math.Abs(d+12) > 0.2 {
		t.Errorf("%+.1f dB, want -12", d)
	}
	skipped := readOpus(t, patched(mono, 10, 0x38+0x60, 0x01)) // a pre-skip of 96 more
	if len(skipped) != 24000-96 {
		t.Errorf("pre-skip: %d samples", len(skipped))
	}
}

func TestReadOpusOfOtherFamilies(t *testing.T) {
	six, err := os.ReadFile("testdata/one-of-six.opus")
	if err != nil {
		t.Fatal(err)
	}
	const first = 28 + 21 + 6
	want := sine(28800, 48000, 400, 0.5)
	for _, family := range []byte{1, 2, 200, 255} {
		file := slices.Clone(six)
		file[28+18] = family
		copy(file[22:26], []byte{0, 0, 0, 0})
		binary.LittleEndian.PutUint32(file[22:], oggChecksum(file[:first]))
		if noise := power(diff(readOpus(t, file), want)[960:]) - power(want); noise > -15 {
			t.Errorf("family %d: noise at %.0f dB", family, noise)
		}
	}
	for name, file := range map[string][]byte{
		"family 3":               patched(opusLink(t, 1, 400), 18, 3),
		"no channels":            patched(opusLink(t, 1, 400), 9, 0),
		"3 channels of family 0": patched(opusLink(t, 1, 400), 9, 3),
		"version 16":             patched(opusLink(t, 1, 400), 8, 16),
	} {
		if _, err := audio.OpenFile(writeFile(t, file)); !errors.Is(err, audio.ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Damage between links, or in the first pages of one, costs what is damaged.
func TestReadDamagedChain(t *testing.T) {
	mono, stereo := opusLink(t, 1, 400), opusLink(t, 2, 400)
	for name, tt := range map[string]struct {
		file        []byte
		least, most int
	}{
		"noise between":          {slices.Concat(mono, bytes.Repeat([]byte("OggS\x00\x02 "), 99), stereo), 48000, 48000},
		"cut, then another":      {slices.Concat(mono[:len(mono)/2], stereo), 30000, 47000},
		"cut second link":        {slices.Concat(mono, stereo[:len(stereo)/2]), 30000, 47000},
		"end of a link in front": {slices.Concat(mono[bytes.LastIndex(mono, []byte("OggS")):], stereo), 24000, 24000},
	} {
		pcm, err := audio.ReadWAV(writeFile(t, tt.file))
		if err != nil || len(pcm) < tt.least || len(pcm) > tt.most {
			t.Errorf("%s: %d samples, want %d to %d, error %v", name, len(pcm), tt.least, tt.most, err)
		}
	}
}
