package codec

import (
	"fmt"

	"gopkg.in/hraban/opus.v2"
)

// Defaults and limits of EncoderConfig.
const (
	DefaultBitrate      = 24000 // bit/s
	MinBitrate          = 6000  // bit/s, lowest that Opus codes speech at
	MaxBitrate          = 64000 // bit/s, above it mono speech gains nothing
	DefaultComplexity   = 9
	MaxComplexity       = 10
	DefaultExpectedLoss = 10 // percent, where FEC is on; see the package comment
)

// EncoderConfig says how to encode. The zero value is a good default.
type EncoderConfig struct {
	// Bitrate is the average of the Opus payload in bit/s, 6000 to 64000, variable
	// bitrate. 0 means DefaultBitrate.
	Bitrate int
	// Complexity trades CPU for quality, 1 to 10. 0 means DefaultComplexity.
	Complexity int
	// DTX stops frames in silence: Encode then returns 0 bytes. Off by default.
	DTX bool
	// Wideband leaves out what is above 8 kHz, which above 13 kbit/s takes some 2 kbit/s more than
	// Bitrate says. Off by default: libopus takes as much of the band as Bitrate is good for.
	Wideband bool
	// FEC asks for a coarse copy of the last frame in each frame. The package comment
	// says when libopus obeys. Off by default.
	FEC bool
	// ExpectedLoss is the loss to prepare for in percent, 0 to 100. With FEC on, 0 means
	// DefaultExpectedLoss. Without FEC it still makes the frames depend
	// less on each other.
	ExpectedLoss int
}

func (c EncoderConfig) withDefaults() EncoderConfig {
	if c.Bitrate == 0 {
		c.Bitrate = DefaultBitrate
	}
	if c.Complexity == 0 {
		c.Complexity = DefaultComplexity
	}
	if c.FEC && c.ExpectedLoss == 0 {
		c.ExpectedLoss = DefaultExpectedLoss
	}
	return c
}

func (c EncoderConfig) validate() error {
	switch {
	case c.Bitrate < MinBitrate || c.Bitrate > MaxBitrate:
		return fmt.Errorf("%w: bitrate %d bit/s, allowed are %d to %d", ErrConfig, c.Bitrate, MinBitrate, MaxBitrate)
	case c.Complexity < 0 || c.Complexity > MaxComplexity:
		return fmt.Errorf("%w: complexity %d, allowed are 0 to %d", ErrConfig, c.Complexity, MaxComplexity)
	case c.ExpectedLoss < 0 || c.ExpectedLoss > 100:
		return fmt.Errorf("%w: expected loss %d %%, allowed are 0 to 100", ErrConfig, c.ExpectedLoss)
	}
	return nil
}

// Encoder makes Opus frames of one talker. Create it with NewEncoder.
type Encoder struct {
	enc    *opus.Encoder
	cfg    EncoderConfig // what libopus is set to
	silent bool          // the last frame was silence, under DTX
}

// NewEncoder makes an encoder. The error is ErrConfig, or one of libopus.
func NewEncoder(cfg EncoderConfig) (*Encoder, error) {
	enc, err := opus.NewEncoder(SampleRate, 1, opus.AppVoIP)
	if err != nil {
		return nil, fmt.Errorf("codec: new encoder: %w", err)
	}
	e := &Encoder{enc: enc, cfg: EncoderConfig{Bitrate: -1, Complexity: -1, ExpectedLoss: -1}}
	if err := e.Configure(cfg); err != nil {
		return nil, err
	}
	return e, nil
}

// Configure changes the configuration while running, from the next frame on and
// without a glitch. Only what differs is touched, so it may be called for every
// frame. On ErrConfig nothing has changed.
func (e *Encoder) Configure(cfg EncoderConfig) error {
	cfg = cfg.withDefaults()
	if cfg == e.cfg {
		return nil
	}
	if err := cfg.validate(); err != nil {
		return err
	}
	if cfg.Bitrate != e.cfg.Bitrate {
		if err := e.enc.SetBitrate(cfg.Bitrate); err != nil {
			return fmt.Errorf("codec: set bitrate: %w", err)
		}
		e.cfg.Bitrate = cfg.Bitrate
	}
	if cfg.Complexity != e.cfg.Complexity {
		if err := e.enc.SetComplexity(cfg.Complexity); err != nil {
			return fmt.Errorf("codec: set complexity: %w", err)
		}
		e.cfg.Complexity = cfg.Complexity
	}
	if cfg.DTX != e.cfg.DTX {
		if err := e.enc.SetDTX(cfg.DTX); err != nil {
			return fmt.Errorf("codec: set DTX: %w", err)
		}
		e.cfg.DTX, e.silent = cfg.DTX, false
	}
	if cfg.Wideband != e.cfg.Wideband {
		most := opus.Fullband
		if cfg.Wideband {
			most = opus.Wideband
		}
		if err := e.enc.SetMaxBandwidth(most); err != nil {
			return fmt.Errorf("codec: set bandwidth: %w", err)
		}
		e.cfg.Wideband = cfg.Wideband
	}
	if cfg.FEC != e.cfg.FEC {
		if err := e.enc.SetInBandFEC(cfg.FEC); err != nil {
			return fmt.Errorf("codec: set FEC: %w", err)
		}
		e.cfg.FEC = cfg.FEC
	}
	if cfg.ExpectedLoss != e.cfg.ExpectedLoss {
		if err := e.enc.SetPacketLossPerc(cfg.ExpectedLoss); err != nil {
			return fmt.Errorf("codec: set expected loss: %w", err)
		}
		e.cfg.ExpectedLoss = cfg.ExpectedLoss
	}
	return nil
}

// Config returns what is in effect, defaults filled in.
func (e *Encoder) Config() EncoderConfig { return e.cfg }

// Encode encodes FrameSize samples into dst and returns the length of the frame.
// n == 0 with a nil error means silence (only with EncoderConfig.DTX): there is
// nothing to send; the first one of a row ends the talkspurt. Silence begins 200 ms
// after the last speech and ends with the first frame of the next.
//
// A dst shorter than MaxFrameBytes is a hard limit on the frame, which libopus meets
// by coding worse. Samples beyond -1..1 are coded as they are and may clip at the
// decoder. Errors: ErrFrameSize, ErrNoSpace, or one of libopus.
func (e *Encoder) Encode(pcm []float32, dst []byte) (n int, err error) {
	if len(pcm) != FrameSize {
		return 0, ErrFrameSize
	}
	if len(dst) == 0 {
		return 0, ErrNoSpace
	}
	// hraban/opus takes the capacity, not the length, as the limit.
	limit := min(len(dst), MaxFrameBytes)
	n, err = e.enc.EncodeFloat32(pcm[:FrameSize:FrameSize], dst[:limit:limit])
	if err != nil {
		return 0, fmt.Errorf("codec: encode: %w", err)
	}
	if !e.cfg.DTX {
		return n, nil
	}
	// In DTX libopus returns packets of 1 or 2 bytes that say "nothing", and a
	// comfort-noise update every 400 ms. The update belongs to the silence too: it
	// would be a talkspurt of one frame. It is a SILK frame without the voice
	// flag that follows silence. (OPUS_GET_IN_DTX says the same but allocates.) After
	// music the update is a CELT frame instead, which takes 3 bytes for silence.
	e.silent = n <= 2 || e.silent && (n == 3 || unvoiced(dst[:n]))
	if e.silent {
		return 0, nil
	}
	return n, nil
}
