package record

import (
	"bytes"
	"time"

	"github.com/tincan-voice/tincan/audio"
	"github.com/tincan-voice/tincan/codec"
)

const (
	// mixWait is how long the mix waits beyond hold: for tracks that move back, or turn out to have been sent earlier.
	mixWait = time.Second
	// mixBitrate is of the mix, in bit/s: as good as transparent for speech in one channel (RFC 7587, section 3.1.1,
	// has 28 to 40 kbit/s for full-band speech).
	mixBitrate = 40000
	mixRing    = 8 * codec.SampleRate
)

// mix is the sum of all tracks. It is sans-IO as they are. What is louder than full scale is left to who plays it:
// decoders clip softly.
type mix struct {
	out    bytes.Buffer
	ogg    *audio.OggOpus
	enc    codec.Encoder
	ring   [mixRing]float32
	at     int64 // sample of the recording from which on nothing has been coded
	packet [codec.MaxFrameBytes]byte
	pcm    [codec.FrameSize]float32
}

func newMix(enc codec.Encoder) (*mix, error) {
	m := &mix{enc: enc}
	var err error
	m.ogg, err = audio.NewOggOpus(&m.out, 1, codec.Lookahead, "TITLE=mix")
	return m, err
}

// add adds sound that begins at a sample of the recording. What is there already is too late.
func (m *mix) add(at int64, pcm []float32) {
	for i, s := range pcm {
		if n := at + int64(i); n >= m.at && n < m.at+mixRing {
			m.ring[n%mixRing] += s
		}
	}
}

// poll codes what nothing is added to any more.
func (m *mix) poll(now time.Duration) error { return m.until(now - hold - mixWait) }

// until codes what was up to then, as far as whole frames go.
func (m *mix) until(then time.Duration) error {
	for end := int64(then * codec.SampleRate / time.Second); m.at+codec.FrameSize <= end; m.at += codec.FrameSize {
		for i := range m.pcm {
			place := &m.ring[(m.at+int64(i))%mixRing]
			m.pcm[i], *place = *place, 0
		}
		n, err := m.enc.Encode(m.pcm[:], m.packet[:])
		if err != nil {
			return err
		}
		if err := m.ogg.Packet(m.packet[:n], 1); err != nil {
			return err
		}
	}
	return nil
}

// end codes all up to now.
func (m *mix) end(now time.Duration) error {
	if err := m.until(now + frame); err != nil {
		return err
	}
	return m.ogg.Close()
}
