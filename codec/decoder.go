package codec

import (
	"fmt"

	"gopkg.in/hraban/opus.v2"
)

// Decoder turns the frames of one talker into PCM. It has memory: feed it in order,
// exactly one call per 20 ms of the talker's time. Create it with NewDecoder.
//
// Where a method returns an error the decoder's state has not moved and pcm
// holds nothing useful: call Conceal to fill the time.
type Decoder struct {
	dec  *opus.Decoder
	celt bool // the last frame was CELT-only: libopus ignores FEC right after one
}

// NewDecoder makes a decoder. The error is one of libopus.
func NewDecoder() (*Decoder, error) {
	dec, err := opus.NewDecoder(SampleRate, 1)
	if err != nil {
		return nil, fmt.Errorf("codec: new decoder: %w", err)
	}
	return &Decoder{dec: dec}, nil
}

// Reset forgets everything, as if new. It allocates; it is for a talker that
// starts over, not for every talkspurt.
func (d *Decoder) Reset() {
	dec, err := opus.NewDecoder(SampleRate, 1)
	if err != nil {
		panic(err) // the same arguments worked in NewDecoder
	}
	d.dec, d.celt = dec, false
}

// Decode decodes one frame into pcm, FrameSize samples. The frame may come from
// anyone: what is not one Opus packet of exactly 20 ms and at most MaxFrameBytes is
// ErrMalformed. A stereo packet is mixed down. ErrFrameSize if pcm is not FrameSize long.
func (d *Decoder) Decode(frame []byte, pcm []float32) error {
	if len(pcm) != FrameSize {
		return ErrFrameSize
	}
	if !wellFormed(frame) {
		return ErrMalformed
	}
	n, err := d.dec.DecodeFloat32(frame, pcm[:FrameSize:FrameSize])
	if err != nil || n != FrameSize {
		return ErrMalformed
	}
	d.celt = isCELT(frame[0])
	return nil
}

// HasFEC tells whether DecodeFEC would recover the frame before this one.
func (d *Decoder) HasFEC(frame []byte) bool {
	return HasFEC(frame) && !d.celt && len(frame) <= MaxFrameBytes
}

// DecodeFEC fills pcm, FrameSize samples, with the lost frame before this one, from the
// copy that this one carries. Call it in the lost frame's turn, then Decode with the
// same frame in its own. Errors: ErrFrameSize, ErrNoFEC, ErrMalformed.
func (d *Decoder) DecodeFEC(frame []byte, pcm []float32) error {
	if len(pcm) != FrameSize {
		return ErrFrameSize
	}
	if !d.HasFEC(frame) {
		return ErrNoFEC
	}
	if d.dec.DecodeFECFloat32(frame, pcm[:FrameSize:FrameSize]) != nil {
		return ErrMalformed
	}
	return nil
}

// Conceal fills pcm, FrameSize samples, with what might have come next: the last sound
// carried on and faded over some frames, then faint comfort noise. Before the first
// frame it is silence. ErrFrameSize if pcm is not FrameSize long.
func (d *Decoder) Conceal(pcm []float32) error {
	if len(pcm) != FrameSize {
		return ErrFrameSize
	}
	if err := d.dec.DecodePLCFloat32(pcm[:FrameSize:FrameSize]); err != nil {
		return fmt.Errorf("codec: conceal: %w", err)
	}
	return nil
}

func wellFormed(frame []byte) bool {
	return len(frame) <= MaxFrameBytes && packetSamples(frame) == FrameSize
}
