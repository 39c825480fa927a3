//go:build cgo || gopus

package opus

import (
	"errors"
	"fmt"

	"github.com/tincan-voice/tincan/codec"
)

// decoder is a codec.PlainConcealer.
type decoder struct {
	lib        *libDecoder
	complexity int
	celt       bool // the last frame was CELT-only: libopus ignores FEC right after one
}

// rewinder is a codec.Rewinder.
type rewinder struct {
	decoder
	saved     *libDecoder
	savedCELT bool
}

// NewDecoder makes a decoder of the default configuration. The error is one of libopus.
func NewDecoder() (codec.Decoder, error) { return NewDecoderWith(codec.DecoderConfig{}) }

// deepFrom is the complexity from which on a library with deep PLC uses it.
const deepFrom = 5

// NewDecoderWith makes a decoder, a codec.Rewinder where it conceals with a network. The error is codec.ErrConfig, or
// one of libopus.
func NewDecoderWith(cfg codec.DecoderConfig) (codec.Decoder, error) {
	d, err := newDecoder(cfg)
	if err != nil {
		return nil, err
	}
	if d.complexity < deepFrom || !Library().DeepPLC {
		return d, nil
	}
	return &rewinder{decoder: *d, saved: d.lib.clone()}, nil
}

func newDecoder(cfg codec.DecoderConfig) (*decoder, error) {
	cfg, err := cfg.Complete()
	if err != nil {
		return nil, err
	}
	lib, err := newLibDecoder(cfg.Complexity)
	if err != nil {
		return nil, fmt.Errorf("opus: new decoder: %w", err)
	}
	return &decoder{lib: lib, complexity: cfg.Complexity}, nil
}

// Save implements codec.Rewinder.
func (d *rewinder) Save() {
	d.saved.copy(d.lib)
	d.savedCELT = d.celt
}

// Rewind implements codec.Rewinder.
func (d *rewinder) Rewind() {
	d.lib.copy(d.saved)
	d.celt = d.savedCELT
}

// Decode implements codec.Decoder.
func (d *decoder) Decode(frame []byte, pcm []float32) error {
	if len(pcm) != codec.FrameSize {
		return codec.ErrFrameSize
	}
	if !codec.IsFrame(frame) || !d.lib.decode(frame, pcm, false) {
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
	if !d.lib.decode(frame, pcm, true) {
		return codec.ErrMalformed
	}
	return nil
}

// errConceal is for a library that cannot fill 20 ms, which none is known not to.
var errConceal = errors.New("opus: libopus conceals nothing")

// Conceal implements codec.Decoder.
func (d *decoder) Conceal(pcm []float32) error {
	if len(pcm) != codec.FrameSize {
		return codec.ErrFrameSize
	}
	if !d.lib.decode(nil, pcm, false) {
		return errConceal
	}
	return nil
}

// ConcealPlain implements codec.PlainConcealer.
func (d *decoder) ConcealPlain(pcm []float32) error {
	d.lib.setComplexity(1)
	defer d.lib.setComplexity(d.complexity)
	return d.Conceal(pcm)
}
