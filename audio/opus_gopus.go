//go:build gopus

package audio

import (
	"errors"
	"io"
	"math"

	"github.com/thesyncim/gopus"
	"github.com/thesyncim/gopus/container/ogg"
)

// A packet is at most 120 ms long (RFC 6716 section 3.2.5). No encoder makes more of it than six frames of 20 ms with
// their lengths.
const (
	mostPacket = 5760             // samples of one channel
	mostBytes  = 6*(1275+2) + 2*2 // of one stream
)

// pureStream is an opusStream in Go. It is a packet ahead of what is played: only the last one is trimmed.
type pureStream struct {
	pages    *ogg.Reader
	dec      *gopus.MultistreamDecoder
	channels int
	gain     float32
	skip     int    // samples of pre-skip that are still to come
	packet   []byte // scratch

	pcm   []float32 // of the next packet
	ahead int       // samples in it
	until int64     // granule position of its end, as the page says
	at    int64     // the same as the packets before it have it; -1 before the first
	rest  []float32 // what of the packet before has not been played
	out   []float32 // that packet
	err   error     // of what comes after the next packet
}

func newOpusStream(link io.Reader) (opusStream, error) {
	pages, err := ogg.NewReader(link)
	if err != nil {
		return nil, err
	}
	head := pages.Header
	streams, coupled, mapping := int(head.StreamCount), int(head.CoupledCount), head.ChannelMapping
	if head.MappingFamily == 0 {
		streams, coupled, mapping = 1, int(head.Channels)-1, []byte{0, 1}[:min(2, head.Channels)]
	}
	dec, err := gopus.NewMultistreamDecoder(SampleRate, int(head.Channels), streams, coupled, mapping)
	if err != nil {
		return nil, err
	}
	s := &pureStream{
		pages: pages, dec: dec, channels: int(head.Channels), skip: int(head.PreSkip), at: -1,
		gain:   float32(math.Pow(10, float64(head.OutputGain)/256/20)),
		packet: make([]byte, streams*mostBytes),
		pcm:    make([]float32, mostPacket*int(head.Channels)), out: make([]float32, mostPacket*int(head.Channels)),
	}
	s.decode()
	return s, nil
}

// decode reads and decodes the next packet that can be decoded.
func (s *pureStream) decode() {
	s.ahead = 0
	for s.err == nil && s.ahead == 0 {
		n, until, err := s.pages.ReadPacketInto(s.packet)
		switch {
		case errors.Is(err, ogg.ErrPacketTooLarge):
		case err != nil:
			s.err = err
		default:
			if s.ahead, err = s.dec.Decode(s.packet[:n], s.pcm); err != nil {
				s.ahead = 0 // the rest may be sound
			}
			s.until = int64(until)
		}
	}
}

// next makes the packet that was ahead the one that is played.
func (s *pureStream) next() {
	n := int64(s.ahead)
	s.pcm, s.out = s.out, s.pcm
	until := s.until
	if s.at < 0 {
		s.at = max(0, until-n)
	}
	s.decode()
	if s.ahead == 0 { // it is the last
		n = max(0, min(n, until-s.at))
	}
	s.at = max(s.at+n, until)
	skip := min(int64(s.skip), n)
	s.skip -= int(skip)
	s.rest = s.out[int(skip)*s.channels : int(n)*s.channels]
	for i := range s.rest {
		s.rest[i] *= s.gain
	}
}

// ReadFloat32 implements opusStream.
func (s *pureStream) ReadFloat32(pcm []float32) (int, error) {
	for len(s.rest) == 0 {
		if s.ahead == 0 {
			return 0, s.err
		}
		s.next()
	}
	n := copy(pcm, s.rest)
	s.rest = s.rest[n:]
	return n / s.channels, nil
}

// Close implements opusStream: there is nothing to free.
func (s *pureStream) Close() error { return nil }

// passes: what cannot be decoded has been passed over already.
func passes(error) bool { return false }
