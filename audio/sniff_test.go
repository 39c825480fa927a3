package audio_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tincan-voice/tincan/audio"
)

func TestOpenWAVByContent(t *testing.T) {
	readByContent(t, wellFormed(1, 1, 16, 48000, make([]byte, 2000)).bytes())
}

// readByContent reads a file of 1000 samples under many names: a name says nothing about what is in a file.
func readByContent(t *testing.T, data []byte) {
	t.Helper()
	for _, name := range []string{"a.wav", "a.WAVE", "a.oga", "a.ogg", "a.opus", "a.mp3", "a.bin", "a", ".wav", "-", "a b"} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if pcm, err := audio.ReadWAV(path); err != nil || len(pcm) != 1000 {
			t.Errorf("%s: %d samples, error %v", name, len(pcm), err)
		}
	}
}

// What is not read here is refused by its name.
func TestOpenFileNamesWhatItIs(t *testing.T) {
	wav := func(code, bits int) string {
		return string(wellFormed(code, 1, bits, 48000, make([]byte, 2000)).bytes())
	}
	ogg := func(head string) string {
		return string(oggPage(2, 0, 0, []byte(head+strings.Repeat("\x00", 30))))
	}
	mp3 := "\xff\xfb\x90\x64" + strings.Repeat("\x00", 400)
	for _, tt := range []struct {
		data, says string
		want       error
	}{
		{mp3, "MP3", audio.ErrFormat},
		{"\xff\xf3\x60\xc4" + mp3[4:], "MP3", audio.ErrFormat},
		{string(id3(300)) + mp3, "MP3", audio.ErrFormat},
		{string(id3(300)), "ID3", audio.ErrFormat},
		{string(id3(300)) + "fLaC", "FLAC", audio.ErrFormat},
		{"fLaC\x00\x00\x00\x22", "FLAC", audio.ErrFormat},
		{"\x00\x00\x00\x20ftypM4A ", "MP4", audio.ErrFormat},
		{"\x1a\x45\xdf\xa3\x01", "WebM", audio.ErrFormat},
		{"FORM\x00\x00\x10\x00AIFFCOMM", "AIFF", audio.ErrFormat},
		{"FORM\x00\x00\x10\x00AIFCFVER", "AIFF", audio.ErrFormat},
		{"\xff\xf1\x50\x80\x02\x1f\xfc", "AAC", audio.ErrFormat},
		{"\xff\xf9\x50\x80\x02\x1f\xfc", "AAC", audio.ErrFormat},
		{"RIFF\x00\x00\x00\x00AVI LIST", `"AVI "`, audio.ErrFormat},
		{"<!DOCTYPE html>", "web page", audio.ErrFormat},
		{ogg("\x01vorbis"), "Ogg Vorbis", audio.ErrFormat},
		{ogg("\x7fFLAC"), "Ogg FLAC", audio.ErrFormat},
		{ogg("Speex   "), "Ogg Speex", audio.ErrFormat},
		{ogg("unheard of"), "other sound than Opus", audio.ErrFormat},
		{wav(0x55, 0), "MP3 inside WAV", audio.ErrEncoding},
		{wav(0x11, 4), "IMA ADPCM inside WAV", audio.ErrEncoding},
		{wav(0x31, 0), "GSM 6.10 inside WAV", audio.ErrEncoding},
		{wav(3, 24), "encoding 3 with 24 bits", audio.ErrEncoding},
		{wav(1, 72), "encoding 1 with 72 bits", audio.ErrEncoding},
	} {
		_, err := audio.OpenFile(writeFile(t, []byte(tt.data)))
		if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), "ffmpeg") {
			t.Errorf("%q: %v, want %q and a remedy", tt.data[:min(len(tt.data), 20)], err, tt.says)
		}
	}
	if _, err := audio.OpenFile(writeFile(t, []byte("\xff\xfeR\x00I\x00F\x00F\x00"))); err == nil || strings.Contains(err.Error(), "MP3") {
		t.Errorf("text in UTF-16: %v", err)
	}
	if _, err := audio.OpenFile(t.TempDir()); !errors.Is(err, audio.ErrFormat) || !strings.Contains(err.Error(), "folder") {
		t.Errorf("folder: %v", err)
	}
}
