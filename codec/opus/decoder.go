//go:build cgo

package opus

import (
	"fmt"

	"gopkg.in/hraban/opus.v2"

	"github.com/tincan-voice/tincan/codec"
)

// decoder is a codec.Decoder.
type decoder struct {
	dec  *opus.Decoder
	celt bool // the last frame was CELT-only: libopus ignores FEC right after one
}

// NewDecoder makes a decoder. The error is one of libopus.
func NewDecoder() (codec.Decoder, error) {
	dec, err := opus.NewDecoder(codec.SampleRate, 1)
	if err != nil {
		return nil, fmt.Errorf("opus: new decoder: %w", err)
	}
	return &decoder{dec: dec}, nil
}

// Decode implements codec.Decoder.
func (d *decoder) Decode(frame []byte, pcm []float32) error {
	if len(pcm) != codec.FrameSize {
		return codec.ErrFrameSize
	}
	if !codec.IsFrame(frame) {
		return codec.ErrMalformed
	}
	n, err := d.dec.DecodeFloat32(frame, pcm[:codec.FrameSize:codec.FrameSize])
	if err != nil || n != codec.FrameSize {
		return codec.ErrMalformed
	}
	d.celt = codec.IsCELT(frame)
	return nil
}

// HasFEC implements codec.Decoder.
func (d *decoder) HasFEC(frame []byte) bool {
	return codec.HasFEC(frame) && !d.celt
}

// DecodeFEC implements codec.Decoder.
func (d *decoder) DecodeFEC(frame []byte, pcm []float32) error {
	if len(pcm) != codec.FrameSize {
		return codec.ErrFrameSize
	}
	if !d.HasFEC(frame) {
		return codec.ErrNoFEC
	}
	if d.dec.DecodeFECFloat32(frame, pcm[:codec.FrameSize:codec.FrameSize]) != nil {
		return codec.ErrMalformed
	}
	return nil
}

// Conceal implements codec.Decoder.
func (d *decoder) Conceal(pcm []float32) error {
	if len(pcm) != codec.FrameSize {
		return codec.ErrFrameSize
	}
	if err := d.dec.DecodePLCFloat32(pcm[:codec.FrameSize:codec.FrameSize]); err != nil {
		return fmt.Errorf("opus: conceal: %w", err)
	}
	return nil
}
