package audio

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The identification header of Ogg Opus (RFC 7845 section 5.1): "OpusHead", version, the number of channels, and at
// byte 18 how they are mapped to streams: family 0 for one or two channels, 1 for up to eight with the places of
// their loudspeakers, 2 for ambisonics, 3 for ambisonics behind a matrix (RFC 8486), 255 for channels without a place.
const (
	opusMagic    = "OpusHead"
	opusChannels = 9
	opusFamily   = 18
	opusMost     = 8 // channels that libopusfile decodes
)

// opusReader reads Ogg Opus, each link of a chain with a decoder of its own: links differ in channels, which the binding
// of libopusfile does not tell.
type opusReader struct {
	links  *oggLinks
	stream opusStream // of this link
	heard  bool       // a sample has been read
	buf    []float32  // interleaved
	mixer  *mixer
}

// opusStream decodes one link at 48 kHz, and applies gain, pre-skip and end trimming (RFC 7845 sections 4.2, 4.4 and 5.1).
type opusStream interface {
	// ReadFloat32 fills pcm, interleaved, and returns how many samples of each channel there are.
	ReadFloat32(pcm []float32) (int, error)
	Close() error
}

func openOpus(r *bufio.Reader) (sound, error) {
	o := &opusReader{links: &oggLinks{r: r}, buf: make([]float32, readBlock*opusMost)}
	if _, err := o.links.whole(); err != nil {
		return nil, cutHeader(err)
	}
	err := o.nextLink()
	if errors.Is(err, io.EOF) {
		err = fmt.Errorf("%w, but Ogg that is damaged or lacks its beginning; copy or record it again", ErrFormat)
	}
	if err != nil {
		return nil, err
	}
	return o, nil
}

func (o *opusReader) rate() int { return SampleRate }

func (o *opusReader) free() {
	if o.stream != nil {
		_ = o.stream.Close() // frees memory, never fails
		o.stream = nil
	}
}

// nextLink opens the next link of the chain, or returns io.EOF.
func (o *opusReader) nextLink() error {
	o.free()
	first, err := o.links.next()
	if err != nil {
		return err
	}
	page, channels, err := opusHead(first)
	if err != nil {
		return err
	}
	o.links.choose(page)
	o.mixer = newMixer(channels, SampleRate)
	o.stream, err = newOpusStream(o.links)
	switch {
	case o.links.err != nil:
		return o.links.err
	case err == nil, errors.Is(err, ErrNoOpus):
		return err
	case o.links.ended():
		return cutHeader(io.EOF)
	default:
		return fmt.Errorf("%w, but Ogg Opus with a header that cannot be read (%w); %s", ErrFormat, err, convert)
	}
}

// opusHead finds the first Opus stream among the first pages of a link and returns that page and its channels. A header of channels without loudspeakers is changed to family 1, which is laid out alike:
// for a mix it is the same, but libopusfile does not play it.
func opusHead(first []byte) (page []byte, channels int, err error) {
	other := "other sound than Opus in Ogg"
	for len(first) > 0 {
		header, size := oggSizes(first)
		page, head := first[:size], first[header:size]
		first = first[size:]
		if !bytes.HasPrefix(head, []byte(opusMagic)) || len(head) <= opusFamily {
			if name := oggCodec(head); name != "" {
				other = name
			}
			continue
		}
		channels, family := int(head[opusChannels]), head[opusFamily]
		switch {
		case channels == 0, family == 3, family > 1 && channels > opusMost:
			return nil, 0, fmt.Errorf("%w, but Ogg Opus of %d channels in mapping family %d; %s", ErrFormat, channels, family, convert)
		case family > 1:
			head[opusFamily] = 1
			binary.LittleEndian.PutUint32(page[oggChecksum:], oggSum(page))
		}
		return page, channels, nil
	}
	return nil, 0, fmt.Errorf("%w, but %s; %s", ErrFormat, other, convert)
}

// oggCodec names what a first page that is not Opus holds, or is "".
func oggCodec(head []byte) string {
	for magic, name := range map[string]string{
		"\x01vorbis": "Ogg Vorbis", "\x7fFLAC": "Ogg FLAC", "Speex   ": "Ogg Speex", "\x80theora": "Ogg Theora, a film",
	} {
		if bytes.HasPrefix(head, []byte(magic)) {
			return name
		}
	}
	return ""
}

func (o *opusReader) read(pcm []float32) (int, error) {
	for {
		channels := len(o.mixer.gain)
		n, err := o.stream.ReadFloat32(o.buf[:min(len(pcm), readBlock)*channels])
		switch {
		case o.links.err != nil:
			return 0, o.links.err
		case err == nil:
			o.heard = true
			o.mixer.mix(pcm[:n], o.buf[:n*channels])
			return n, nil
		case passes(err):
			continue // something is missing or damaged here, the rest may be sound
		case !errors.Is(err, io.EOF):
			return 0, fmt.Errorf("%w: %w", ErrTruncated, err)
		}
		err = o.nextLink()
		if errors.Is(err, io.EOF) && !o.heard {
			return 0, fmt.Errorf("%w; record it again", ErrEmpty)
		}
		if err != nil {
			return 0, err
		}
	}
}
