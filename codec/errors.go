package codec

import "errors"

// Errors to match with errors.Is. Those that the methods return may be wrapped
// with the offending figure, except on the decode path, where nothing allocates.
var (
	// ErrConfig: an EncoderConfig field is out of range.
	ErrConfig = errors.New("codec: configuration out of range")
	// ErrNoCodec: the program was built without the library that encodes and decodes.
	ErrNoCodec = errors.New("codec: this program has no Opus codec")
	// ErrFrameSize: the PCM slice does not have exactly FrameSize samples.
	ErrFrameSize = errors.New("codec: a frame has 960 samples")
	// ErrNoSpace: the destination of Encode is empty.
	ErrNoSpace = errors.New("codec: no space for the encoded frame")
	// ErrMalformed: the bytes are no Opus packet of exactly 20 ms.
	ErrMalformed = errors.New("codec: not an Opus frame of 20 ms")
	// ErrNoFEC: the frame carries no copy of the one before it, or this decoder
	// cannot use it.
	ErrNoFEC = errors.New("codec: frame carries no forward error correction")
)
