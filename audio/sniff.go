package audio

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// fileBuffer holds any Ogg page, which has at most 65,307 bytes, and all that the name of a format is told by.
const fileBuffer = 1 << 16

// convert is the remedy for what cannot be read.
const convert = "convert it, for example: ffmpeg -i IN -ac 1 -ar 48000 OUT.wav"

// openSound reads the header of a file that is read from r, whose buffer is fileBuffer.
func openSound(r *bufio.Reader, pipe bool) (sound, error) {
	tagged, err := skipID3(r)
	if err != nil {
		return nil, err
	}
	head, err := r.Peek(512)
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return nil, err
	case len(head) == 0 && !tagged:
		return nil, fmt.Errorf("%w: it has 0 bytes; was it written completely?", ErrEmpty)
	}
	starts := func(s string) bool { return bytes.HasPrefix(head, []byte(s)) }
	switch {
	case starts("RIFF"), starts("RIFX"), starts("RF64"), starts("BW64"):
		return openWAV(r, pipe)
	case starts("OggS"):
		return openOpus(r)
	}
	name := foreign(head)
	if name == "" && tagged {
		name = "an ID3 tag, perhaps that of an MP3 file"
	}
	if name == "" {
		return nil, fmt.Errorf("%w; %s", ErrFormat, convert)
	}
	return nil, fmt.Errorf("%w, but %s; %s", ErrFormat, name, convert)
}

// skipID3 passes over tags at the beginning (id3.org, ID3v2.4.0 section 3.1): "ID3", version, flags, and a size of four
// times seven bits, without the header of ten bytes and, where flags say so, the footer of ten.
func skipID3(r *bufio.Reader) (tagged bool, err error) {
	for {
		h, err := r.Peek(10)
		if errors.Is(err, io.EOF) || err == nil && string(h[:3]) != "ID3" {
			return tagged, nil
		}
		if err != nil {
			return tagged, err
		}
		size := 10 + int(h[6]&0x7f)<<21 + int(h[7]&0x7f)<<14 + int(h[8]&0x7f)<<7 + int(h[9]&0x7f)
		if h[5]&0x10 != 0 {
			size += 10
		}
		if _, err := r.Discard(size); err != nil && !errors.Is(err, io.EOF) {
			return tagged, err
		}
		tagged = true
	}
}

// magics are the first bytes of files that people take for ones that play here.
var magics = []struct {
	at          int
	bytes, name string
}{
	{0, "fLaC", "a FLAC file"},
	{4, "ftyp", "an MP4 file (.m4a, .mp4, .mov)"},
	{0, "\x1a\x45\xdf\xa3", "a WebM or Matroska file"},
	{8, "AIFF", "an AIFF file"},
	{8, "AIFC", "an AIFF file"},
	{0, "ADIF", "an AAC file"},
	{0, "riff\x2e\x91\xcf\x11", "a Sony Wave64 file"},
	{0, ".snd", "a Sun AU file"},
	{0, "caff", "an Apple CAF file"},
	{0, "wvpk", "a WavPack file"},
	{0, "MAC ", "a Monkey's Audio file"},
	{0, "#!AMR", "an AMR file"},
	{0, "\x30\x26\xb2\x75", "a WMA file"},
	{0, "\x0b\x77", "an AC-3 file"},
	{0, "MThd", "a MIDI file, which holds notes and no sound"},
	{0, "\x00\x00\x01\xba", "an MPEG film"},
	{0, "#EXTM3U", "a list of files"},
	{0, "[playlist]", "a list of files"},
	{0, "<!DOCTYPE", "a web page"},
	{0, "<!doctype", "a web page"},
	{0, "<html", "a web page"},
	{0, "PK\x03\x04", "a ZIP archive"},
	{0, "\x1f\x8b", "compressed with gzip"},
	{0, "version https://git-lfs", "the place holder of a file that Git LFS has not fetched"},
}

// foreign names the format of a file that is not read here, or "".
func foreign(head []byte) string {
	for _, m := range magics {
		if len(head) > m.at && bytes.HasPrefix(head[m.at:], []byte(m.bytes)) {
			return m.name
		}
	}
	// A frame of MPEG audio (ISO/IEC 11172-3, 13818-3) begins with 11 bits of ones, a version that is not 01 and the
	// layer; one of AAC in ADTS (13818-7) with 12 ones and layer 0.
	if len(head) < 4 || head[0] != 0xff || head[1]&0xe0 != 0xe0 {
		return ""
	}
	version, layer := head[1]>>3&3, head[1]>>1&3
	switch {
	case layer == 0 && version >= 2:
		return "an AAC file"
	case (layer == 1 || layer == 2) && version != 1 && head[2]>>4 != 15 && head[2]>>2&3 != 3:
		return "an MP3 file"
	}
	return ""
}
