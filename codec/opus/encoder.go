//go:build cgo || gopus

package opus

import (
	"fmt"

	"github.com/tincan-voice/tincan/codec"
)

// encoder is a codec.Encoder.
type encoder struct {
	enc    *libEncoder
	cfg    codec.EncoderConfig // what libopus is set to
	silent bool                // the last frame was silence, under DTX
	narrow bool                // libopus has fallen into narrowband
}

// libopus codes narrowband below narrowBelow, and once it does goes on up to 12.5 kbit/s; one that begins codes wideband
// from wideFrom on (measured, complexity 9). So on the way up it begins anew.
const (
	narrowBelow = 8500 // bit/s
	wideFrom    = 9500
)

// NewEncoder makes an encoder. The error is codec.ErrConfig, or one of libopus.
func NewEncoder(cfg codec.EncoderConfig) (codec.Encoder, error) {
	enc, err := newLibEncoder()
	if err != nil {
		return nil, fmt.Errorf("opus: new encoder: %w", err)
	}
	e := &encoder{enc: enc, cfg: codec.EncoderConfig{Bitrate: -1, Complexity: -1, ExpectedLoss: -1}}
	if err := e.Configure(cfg); err != nil {
		return nil, err
	}
	return e, nil
}

// Configure implements codec.Encoder.
func (e *encoder) Configure(cfg codec.EncoderConfig) error {
	cfg, err := cfg.Complete()
	if err != nil {
		return err
	}
	if cfg.Bitrate != e.cfg.Bitrate {
		if err := e.enc.SetBitrate(cfg.Bitrate); err != nil {
			return fmt.Errorf("opus: set bitrate: %w", err)
		}
		e.cfg.Bitrate = cfg.Bitrate
		e.narrow = e.narrow || cfg.Bitrate < narrowBelow
		if e.narrow && cfg.Bitrate >= wideFrom {
			e.narrow = false
			if err := e.enc.Reset(); err != nil {
				return fmt.Errorf("opus: reset: %w", err)
			}
		}
	}
	if cfg.Complexity != e.cfg.Complexity {
		if err := e.enc.SetComplexity(cfg.Complexity); err != nil {
			return fmt.Errorf("opus: set complexity: %w", err)
		}
		e.cfg.Complexity = cfg.Complexity
	}
	if cfg.DTX != e.cfg.DTX {
		if err := e.enc.SetDTX(cfg.DTX); err != nil {
			return fmt.Errorf("opus: set DTX: %w", err)
		}
		e.cfg.DTX, e.silent = cfg.DTX, false
	}
	if cfg.Wideband != e.cfg.Wideband {
		if err := e.enc.setWideband(cfg.Wideband); err != nil {
			return fmt.Errorf("opus: set bandwidth: %w", err)
		}
		e.cfg.Wideband = cfg.Wideband
	}
	if cfg.FEC != e.cfg.FEC {
		if err := e.enc.SetInBandFEC(cfg.FEC); err != nil {
			return fmt.Errorf("opus: set FEC: %w", err)
		}
		e.cfg.FEC = cfg.FEC
	}
	if cfg.ExpectedLoss != e.cfg.ExpectedLoss {
		if err := e.enc.SetPacketLossPerc(cfg.ExpectedLoss); err != nil {
			return fmt.Errorf("opus: set expected loss: %w", err)
		}
		e.cfg.ExpectedLoss = cfg.ExpectedLoss
	}
	return nil
}

// Encode implements codec.Encoder.
func (e *encoder) Encode(pcm []float32, dst []byte) (n int, err error) {
	if len(pcm) != codec.FrameSize {
		return 0, codec.ErrFrameSize
	}
	if len(dst) == 0 {
		return 0, codec.ErrNoSpace
	}
	limit := min(len(dst), codec.MaxFrameBytes)
	n, err = e.enc.encode(pcm[:codec.FrameSize:codec.FrameSize], dst[:limit:limit])
	if err != nil {
		return 0, fmt.Errorf("opus: encode: %w", err)
	}
	if !e.cfg.DTX {
		return n, nil
	}
	// In DTX libopus returns packets of 1 or 2 bytes that say "nothing", and a
	// comfort-noise update every 400 ms. The update belongs to the silence too: it
	// would be a talkspurt of one frame. It is a SILK frame without the voice
	// flag that follows silence. (OPUS_GET_IN_DTX says the same but allocates.) After
	// music the update is a CELT frame instead, which takes 3 bytes for silence.
	e.silent = n <= 2 || e.silent && (n == 3 || codec.Unvoiced(dst[:n]))
	if e.silent {
		return 0, nil
	}
	return n, nil
}
