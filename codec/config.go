package codec

import "fmt"

// Defaults and limits of EncoderConfig.
const (
	DefaultBitrate      = 24000 // bit/s
	MinBitrate          = 6000  // bit/s, lowest that Opus codes speech at
	MaxBitrate          = 64000 // bit/s, above it mono speech gains nothing
	DefaultComplexity   = 9
	MaxComplexity       = 10
	DefaultExpectedLoss = 10 // percent, where FEC is on; package opus says why
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
	// Bitrate says. Off by default: the encoder takes as much of the band as Bitrate is good for.
	Wideband bool
	// FEC asks for a coarse copy of the last frame in each frame. The encoder decides whether there is room for
	// it; HasFEC tells. Off by default.
	FEC bool
	// ExpectedLoss is the loss to prepare for in percent, 0 to 100. With FEC on, 0 means
	// DefaultExpectedLoss. Without FEC it still makes the frames depend
	// less on each other.
	ExpectedLoss int
}

// Complete returns the configuration that c stands for, with its defaults filled in. The error is ErrConfig, wrapped
// with the figure that is out of range. It is for those who implement Encoder.
func (c EncoderConfig) Complete() (EncoderConfig, error) {
	if c.Bitrate == 0 {
		c.Bitrate = DefaultBitrate
	}
	if c.Complexity == 0 {
		c.Complexity = DefaultComplexity
	}
	if c.FEC && c.ExpectedLoss == 0 {
		c.ExpectedLoss = DefaultExpectedLoss
	}
	switch {
	case c.Bitrate < MinBitrate || c.Bitrate > MaxBitrate:
		return c, fmt.Errorf("%w: bitrate %d bit/s, allowed are %d to %d", ErrConfig, c.Bitrate, MinBitrate, MaxBitrate)
	case c.Complexity < 0 || c.Complexity > MaxComplexity:
		return c, fmt.Errorf("%w: complexity %d, allowed are 0 to %d", ErrConfig, c.Complexity, MaxComplexity)
	case c.ExpectedLoss < 0 || c.ExpectedLoss > 100:
		return c, fmt.Errorf("%w: expected loss %d %%, allowed are 0 to 100", ErrConfig, c.ExpectedLoss)
	}
	return c, nil
}

// DefaultDecoderComplexity is the least at which libopus 1.5 and later conceal losses with a network (deep PLC, from 5 on)
// and clean up what came at low bitrates (LACE). One more (NoLACE) takes twice the CPU per frame and sounds no better.
const DefaultDecoderComplexity = 6

// DecoderConfig says how to decode. The zero value is a good default.
type DecoderConfig struct {
	// Complexity trades CPU for quality, 1 to 10, where the library has something to trade: libopus from 1.5 on.
	// Below 5 it conceals losses as older ones do. 0 means DefaultDecoderComplexity.
	Complexity int
}

// Complete returns the configuration that c stands for, with its defaults filled in, or ErrConfig, wrapped with the
// figure that is out of range.
func (c DecoderConfig) Complete() (DecoderConfig, error) {
	if c.Complexity == 0 {
		c.Complexity = DefaultDecoderComplexity
	}
	if c.Complexity < 0 || c.Complexity > MaxComplexity {
		return c, fmt.Errorf("%w: decoder's complexity %d, allowed are 0 to %d", ErrConfig, c.Complexity, MaxComplexity)
	}
	return c, nil
}

// Library says what codes and decodes in this program.
type Library struct {
	Name string // with its version, as it gives it: "libopus 1.5.2"
	// DeepPLC and LACE tell whether decoding at DefaultDecoderComplexity conceals losses with a network, and cleans up
	// what came at low bitrates.
	DeepPLC, LACE bool
}

// String is the name and what the library can do.
func (l Library) String() string {
	switch {
	case l.DeepPLC && l.LACE:
		return l.Name + ", with deep PLC and LACE"
	case l.DeepPLC:
		return l.Name + ", with deep PLC"
	case l.LACE:
		return l.Name + ", with LACE"
	default:
		return l.Name + ", without neural concealment"
	}
}
