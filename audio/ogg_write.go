package audio

import (
	"encoding/binary"
	"io"
)

// OggOpus writes Opus packets as they are into an Ogg file (RFC 7845), one mono stream. Use NewOggOpus. What is missing
// has to be written as packets, too, since a position in the file is the sum of all before it: Lost and Silence are
// such.
//
// Pages hold a second, so that what a killed program leaves behind can be played, but for that second.
type OggOpus struct {
	w      io.Writer
	serial uint32
	number uint32 // of the next page
	at     uint64 // samples at 48 kHz so far, what is skipped included
	lacing []byte // of the page under way
	data   []byte
	pause  int    // samples in that page
	page   []byte // scratch
	err    error
}

const (
	oggLast     = 0x04 // flag: last page of a stream
	oggMost     = 255  // lacing values of a page
	opusFrame   = SampleRate / 50
	oggPageTime = SampleRate // samples after which a page ends
	opusLongest = 6          // frames of 20 ms in a packet (RFC 6716, section 3.2.5)
	opusSameToC = 0xfc       // configuration and channels, without the number of frames (RFC 6716, section 3.1)
	opusVendor  = "tincan"
)

// NewOggOpus begins a stream that decodes to sound of which the first skip samples are not played. Tags are as in
// "ARTIST=Ann". It does not close w.
func NewOggOpus(w io.Writer, serial uint32, skip uint16, tags ...string) (*OggOpus, error) {
	o := &OggOpus{w: w, serial: serial}
	le := binary.LittleEndian
	head := append([]byte(opusMagic), 1, 1) // version, channels
	head = le.AppendUint16(head, skip)
	head = le.AppendUint32(head, SampleRate) // of what was recorded
	head = append(head, 0, 0, 0)             // gain, mapping family
	text := le.AppendUint32([]byte("OpusTags"), uint32(len(opusVendor)))
	text = le.AppendUint32(append(text, opusVendor...), uint32(len(tags)))
	for _, tag := range tags {
		text = append(le.AppendUint32(text, uint32(len(tag))), tag...)
	}
	o.put(head)
	o.flush(oggFirst)
	o.put(text)
	o.flush(0)
	return o, o.err
}

// Packet writes a packet of so many frames of 20 ms.
func (o *OggOpus) Packet(packet []byte, frames int) error {
	if len(o.lacing)+len(packet)/255+1 > oggMost || o.pause >= oggPageTime {
		o.flush(0)
	}
	o.put(packet)
	o.at += uint64(frames * opusFrame)
	o.pause += frames * opusFrame
	return o.err
}

// Lost has the decoder make up frames of 20 ms, behind a packet that is like them: RFC 7845, section 4.1.
func (o *OggOpus) Lost(like byte, frames int) error {
	packet := []byte{like & opusSameToC}
	if n := opusParts(like); n > 1 {
		packet = []byte{packet[0] | 3, byte(n)} // n frames of one size (RFC 6716, section 3.2.5)
	}
	for range frames {
		_ = o.Packet(packet, 1) // kept in err
	}
	return o.err
}

// opusParts is how many frames of a packet take 20 ms (RFC 6716, section 3.1); 1 where one takes longer.
func opusParts(toc byte) int {
	switch config := toc >> 3; {
	case config >= 16: // CELT: 2.5, 5, 10, 20 ms
		return 8 >> (config & 3)
	case config >= 12: // hybrid: 10, 20 ms
		return 2 >> (config & 1)
	default: // SILK: 10, 20, 40, 60 ms
		return max(2>>(config&3), 1)
	}
}

// Silence is frames of 20 ms without a sound.
func (o *OggOpus) Silence(frames int) error {
	for frames > 0 {
		n := min(frames, opusLongest)
		packet := append(make([]byte, 0, 2+2*opusLongest), 0xfb, byte(n)) // CELT, full band, 20 ms, mono; n frames of one size
		for range n {
			packet = append(packet, 0xff, 0xfe) // a frame whose flag of silence is set (RFC 6716, section 4.3)
		}
		_ = o.Packet(packet, n)
		frames -= n
	}
	return o.err
}

// Close ends the stream.
func (o *OggOpus) Close() error {
	o.flush(oggLast)
	if o.err == nil {
		o.err = ErrClosed
		return nil
	}
	return o.err
}

func (o *OggOpus) put(packet []byte) {
	for n := len(packet); ; n -= 255 {
		o.lacing = append(o.lacing, byte(min(n, 255)))
		if n < 255 {
			break
		}
	}
	o.data = append(o.data, packet...)
}

// flush writes the page under way.
func (o *OggOpus) flush(flags byte) {
	le := binary.LittleEndian
	p := append(o.page[:0], "OggS\x00"...)
	p = append(p, flags)
	p = le.AppendUint64(p, o.at)
	p = le.AppendUint32(p, o.serial)
	p = le.AppendUint32(p, o.number)
	p = append(p, 0, 0, 0, 0, byte(len(o.lacing)))
	p = append(append(p, o.lacing...), o.data...)
	le.PutUint32(p[oggChecksum:], oggSum(p))
	if o.err == nil {
		_, o.err = o.w.Write(p)
	}
	o.page, o.lacing, o.data, o.pause = p, o.lacing[:0], o.data[:0], 0
	o.number++
}
